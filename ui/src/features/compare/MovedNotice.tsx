import { IconAlertCircle } from "@tabler/icons-react";
import type { Shown } from "../../bindings/types";
import { Marked } from "../../shared/Marked";
import { ColumnWord } from "../../shared/sides";
import classes from "./Compare.module.css";
import type { Moved } from "./decisions";

const words = (shown: Shown | null) => (shown === null || shown.blank ? "blank" : shown.text);

/** Said first when something changed while the person was deciding: what moved, and that their work is kept. */
export function MovedNotice({ moved, kept, seeAll }: { moved: Moved[]; kept: number; seeAll: boolean }) {
  return (
    <div className={classes.notice} data-tone="warn" role="alert" data-testid="moved-notice">
      <IconAlertCircle size={20} aria-hidden="true" />
      <div>
        <strong>{moved.map((one) => one.label).join(", ")} moved while you were deciding. Nothing was written.</strong>
        <p>
          {seeAll ? "Decide what moved once more." : "Only what moved is shown; decide it once more."}{" "}
          {kept > 0 && (kept === 1 ? "Your other decision is kept." : `Your ${kept} other decisions are kept.`)}
        </p>
        <ul>
          {moved.map((one) =>
            one.changes.map((change) => (
              <li key={`${one.field}-${change.side}`}>
                {one.label}, <ColumnWord column={change.side} />: <Marked before={words(change.before)} after={words(change.after)} />
              </li>
            )),
          )}
        </ul>
      </div>
    </div>
  );
}
