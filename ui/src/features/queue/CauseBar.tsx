import type { QueueCause } from "../../bindings/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { Ago } from "../../shared/When";
import { commonTo } from "./CauseRow";
import classes from "./Queue.module.css";

/** What the writes shown have in common, and the way to send them all again. */
export function CauseBar({ cause, mayEdit, replay }: { cause: QueueCause; mayEdit: boolean; replay: () => void }) {
  return (
    <div className={classes.causeBar} data-testid="cause-bar">
      <p>
        <strong>
          {cause.count === 1 ? "1 write" : `${cause.count.toLocaleString("en")} alike`}: {commonTo(cause)}
        </strong>{" "}
        {cause.words} Oldest <Ago atMs={cause.oldestAtMs} />.
      </p>
      {mayEdit && <KeyButton shortcut="a" says={`Replay ${cause.count === 1 ? "it" : `all ${cause.count.toLocaleString("en")}`} in order`} group="Queue" run={replay} data-testid="replay" />}
    </div>
  );
}
