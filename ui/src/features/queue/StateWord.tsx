import { IconBan, IconCircleCheck, IconClock, IconCornerDownRight, IconHandStop, IconPencilExclamation, IconPlayerPause, IconRepeat, IconSend } from "@tabler/icons-react";
import type { QueueItem } from "../../bindings/types";
import { useNow } from "../../shared/useNow";
import { secondsLeft } from "../../words/time";
import classes from "./Queue.module.css";

const icons = { waiting: IconClock, running: IconSend, retrying: IconRepeat, parked: IconPencilExclamation, done: IconCircleCheck, cancelled: IconBan };
const holds = { breaker: IconHandStop, paused: IconPlayerPause, sign_in: IconHandStop, rate_limit: IconHandStop, lane: IconCornerDownRight };

/** Where a write stands: colour, icon, the engine's words, and how long until the next try. */
export function StateWord({ item }: { item: QueueItem }) {
  const { status, hold, nextTryAtMs, words } = item;
  const now = useNow(nextTryAtMs !== null);
  const Icon = hold ? holds[hold] : icons[status];
  // What may go at once but has not gone yet needs no countdown.
  const left = nextTryAtMs === null ? "" : nextTryAtMs > now ? `, next in ${secondsLeft(nextTryAtMs, now)}` : status === "retrying" ? ", next any moment" : "";
  return (
    <span className={classes.state} data-state={hold === "lane" ? "lane" : hold ? "held" : status} data-testid="queue-state">
      <Icon size={16} aria-hidden="true" />
      <span>
        {words}
        {left}
      </span>
    </span>
  );
}
