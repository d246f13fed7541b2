import { IconBan, IconChevronRight, IconCircleCheck, IconFileAlert, IconFileUnknown, IconMessageReport, IconPencil } from "@tabler/icons-react";
import type { QuarantineCauseView, QuarantineItem } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { Ago } from "../../shared/When";
import { capitalised, placeWords, plural, quarantineStatusWords } from "../../words/words";
import classes from "./Queue.module.css";

const icons = { open: IconFileAlert, superseded: IconPencil, replayed: IconCircleCheck, resolved: IconCircleCheck, dismissed: IconBan };

export function EntryState({ item }: { item: QuarantineItem }) {
  const Icon = icons[item.status];
  return (
    <span className={classes.state} data-state={item.status}>
      <Icon size={16} aria-hidden="true" />
      <span>
        {quarantineStatusWords[item.status]}
        {item.closedBy && item.status !== "resolved" && ` by ${item.closedBy}`}
      </span>
    </span>
  );
}

/** "Message about a patient" or "Patient record": what it is, as far as it says. */
export function whatItIs({ origin, recordKind, remote }: QuarantineItem): string {
  if (origin === "record") return `${capitalised(recordKind ?? "record")} as ${placeWords[remote]} shows it`;
  return `Message${recordKind ? ` about ${/^[aeiou]/.test(recordKind) ? "an" : "a"} ${recordKind}` : ""} from ${placeWords[remote]}`;
}

/** One thing that could not be read. */
export function EntryRow({ item }: { item: QuarantineItem }) {
  const Icon = item.origin === "event" ? IconMessageReport : IconFileUnknown;
  return (
    <div className={classes.row} data-entry="true">
      <span className={classes.icon}>
        <Icon size={20} stroke={1.6} aria-hidden="true" />
      </span>
      <span className={classes.patient}>
        <strong>{item.patient || item.key || "Nobody knows whose"}</strong>
        <small>{whatItIs(item)}</small>
      </span>
      <span className={classes.what}>
        <strong>{item.problem}</strong>
        {item.reason && <small>“{item.reason}”</small>}
      </span>
      <span className={classes.stands}>
        <EntryState item={item} />
        <small>
          <RemoteWord remote={item.remote} />
          <span>
            <Ago atMs={item.lastSeenAtMs} />
            {item.times > 1 && `, seen ${plural(item.times, "time")}`}
          </span>
        </small>
      </span>
    </div>
  );
}

/** "3 alike": what cannot be read for one reason. */
export function EntryCauseRow({ cause }: { cause: QuarantineCauseView }) {
  return (
    <div className={classes.cause}>
      <IconChevronRight size={16} aria-hidden="true" />
      <strong className={classes.alike}>{cause.open === 1 ? "1 alone" : `${cause.open.toLocaleString("en")} alike`}</strong>
      <span className={classes.what}>
        <strong>{cause.problem}</strong>
      </span>
      <span className={classes.stands}>
        <RemoteWord remote={cause.remote} />
        <small>
          <span>
            oldest <Ago atMs={cause.oldestAtMs} />
          </span>
        </small>
      </span>
    </div>
  );
}
