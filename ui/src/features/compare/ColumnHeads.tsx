import type { CompareView, Side } from "../../bindings/types";
import { ColumnWord } from "../../shared/sides";
import { Ago } from "../../shared/When";
import classes from "./Compare.module.css";

function SideFacts({ side }: { side: Side }) {
  if (side.key === null) return <small>no record here</small>;
  return (
    <small>
      {side.changedAtMs !== null ? (
        <>
          changed <Ago atMs={side.changedAtMs} />
          {side.changedBy && ` by ${side.changedBy}`}
        </>
      ) : (
        "change time unknown"
      )}
      {side.readAtMs !== null && (
        <>
          <br />
          read <Ago atMs={side.readAtMs} />
        </>
      )}
    </small>
  );
}

/** The four columns, named once. Each row repeats the words for screen readers. */
export function ColumnHeads({ view }: { view: CompareView }) {
  const agreedAt = view.fields.map((field) => field.lastAgreedAtMs).filter((at) => at !== null);
  return (
    <div className={classes.heads}>
      <span />
      <div data-side="service_now">
        <ColumnWord column="service_now" />
        <SideFacts side={view.serviceNow} />
      </div>
      <div data-side="last_agreed">
        <ColumnWord column="last_agreed" />
        <small>{agreedAt.length > 0 ? <Ago atMs={Math.max(...agreedAt)} /> : "never agreed"}</small>
      </div>
      <div data-side="ehr">
        <ColumnWord column="ehr" />
        <SideFacts side={view.ehr} />
      </div>
      <div data-side="result">
        <ColumnWord column="result" />
        <small>what both systems will say</small>
      </div>
    </div>
  );
}
