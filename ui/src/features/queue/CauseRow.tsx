import { IconChevronRight } from "@tabler/icons-react";
import type { QueueCause } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { Ago } from "../../shared/When";
import { errorKindWords, plural } from "../../words/words";
import classes from "./Queue.module.css";

/** What the members of a group have in common, in a few words. */
export function commonTo(cause: QueueCause): string {
  const kind = cause.kind ? errorKindWords[cause.kind] : "Failed";
  const status = cause.status === null ? "" : ` (${cause.status})`;
  return `${kind}${status}${cause.fieldLabels.length > 0 ? `: ${cause.fieldLabels.join(", ")}` : ""}`;
}

/** "12 alike": writes that failed for one reason. */
export function CauseRow({ cause }: { cause: QueueCause }) {
  return (
    <div className={classes.cause}>
      <IconChevronRight size={16} aria-hidden="true" />
      <strong className={classes.alike}>{cause.count === 1 ? "1 write" : `${cause.count.toLocaleString("en")} alike`}</strong>
      <span className={classes.what}>
        <strong>{commonTo(cause)}</strong>
        <small>{cause.words}</small>
      </span>
      <span className={classes.stands}>
        <RemoteWord remote={cause.remote} />
        <small>
          <span>
            {cause.parked > 0 ? plural(cause.parked, "needs an edit", "need an edit") : "tried again by itself"} · oldest <Ago atMs={cause.oldestAtMs} />
          </span>
        </small>
      </span>
    </div>
  );
}
