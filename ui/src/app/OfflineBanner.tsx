import { IconCloudOff } from "@tabler/icons-react";
import type { RemoteHealth, RemoteState } from "../bindings/types";
import classes from "./Shell.module.css";

const said: Partial<Record<RemoteHealth, (labels: string[]) => string>> = {
  failing: (labels) => `${labels.join(" and ")} ${labels.length === 1 ? "is" : "are"} slow or failing.`,
  rate_limited: (labels) => `${labels.join(" and ")} asked VetSync to wait.`,
  breaker_open: (labels) => `${labels.join(" and ")} ${labels.length === 1 ? "does" : "do"} not answer.`,
  sign_in_refused: (labels) => `${labels.join(" and ")} ${labels.length === 1 ? "refuses" : "refuse"} the sign-in.`,
  paused: (labels) => `${labels.join(" and ")} ${labels.length === 1 ? "is" : "are"} paused.`,
};

/** Being cut off is not a block: everything can be read and decided, and is sent later. */
export function OfflineBanner({ remotes }: { remotes: RemoteState[] }) {
  const kinds = [...new Set(remotes.map((remote) => remote.health))];
  const sentences = kinds.flatMap((health) => said[health]?.(remotes.filter((remote) => remote.health === health).map((remote) => remote.label)) ?? []);
  return (
    <div className={classes.offline} role="status" data-testid="offline-banner">
      <IconCloudOff size={18} aria-hidden="true" />
      <span>
        {sentences.map((sentence) => `${sentence} `)}
        You see what VetSync last read. What you approve is kept, and sent when {kinds.includes("paused") && sentences.length === 1 ? "it is resumed" : "the connection is back"}.
      </span>
    </div>
  );
}
