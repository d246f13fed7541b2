import { IconCircleCheck, IconClock, IconHourglass, IconKeyOff, IconPlayerPause, IconPlugConnectedX } from "@tabler/icons-react";
import type { RemoteHealth } from "../bindings/types";
import { countdown, exactly } from "../words/time";
import { healthWords, plural } from "../words/words";
import classes from "./shared.module.css";
import { useNow } from "./useNow";

const icons = {
  answering: IconCircleCheck,
  failing: IconPlugConnectedX,
  rate_limited: IconHourglass,
  breaker_open: IconPlugConnectedX,
  paused: IconPlayerPause,
  sign_in_refused: IconKeyOff,
  never_tried: IconClock,
};

interface Props {
  health: RemoteHealth;
  latencyMs: number | null;
  nextTryAtMs: number | null;
  /** Left out where the numbers stand beside it. */
  waiting?: number;
}

/** Where a system stands, in the same words everywhere: "breaker open, next try in 00:08, 37 writes waiting". */
export function RemoteTruth({ health, latencyMs, nextTryAtMs, waiting = 0 }: Props) {
  const Icon = icons[health];
  const now = useNow(nextTryAtMs !== null);
  return (
    <span className={classes.health} data-health={health}>
      <Icon size={16} aria-hidden="true" />
      <span>
        {healthWords[health]}
        {health === "answering" && latencyMs !== null && `, ${latencyMs} ms`}
        {health === "rate_limited" && nextTryAtMs !== null && ` until ${exactly(nextTryAtMs)}`}
        {nextTryAtMs !== null && (nextTryAtMs > now ? `, next try in ${countdown(nextTryAtMs, now)}` : ", next try any moment")}
        {waiting > 0 && `, ${plural(waiting, "write")} waiting`}
      </span>
    </span>
  );
}
