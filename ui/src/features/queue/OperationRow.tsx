import { IconCornerDownRight } from "@tabler/icons-react";
import { SpeciesIcon } from "../../shared/Species";
import { RemoteWord } from "../../shared/sides";
import { Ago } from "../../shared/When";
import { capitalised } from "../../words/words";
import classes from "./Queue.module.css";
import type { QueueRow } from "./rows";
import { StateWord } from "./StateWord";

/** One write. The first of a lane carries the patient; what waits behind it stands below it. */
export function OperationRow({ row }: { row: Extract<QueueRow, { kind: "operation" }> }) {
  const { item, lane, position } = row;
  return (
    <div className={classes.row} data-behind={position > 0}>
      {position === 0 ? (
        <span className={classes.icon} title={capitalised(lane.species)}>
          <SpeciesIcon species={lane.species} size={20} />
        </span>
      ) : (
        <span className={classes.icon}>
          <IconCornerDownRight size={18} aria-hidden="true" />
        </span>
      )}
      <span className={classes.patient}>
        {position === 0 ? (
          <>
            <strong>{lane.patient}</strong>
            <small>{lane.owner}</small>
          </>
        ) : (
          <small>then, for {lane.patient}</small>
        )}
      </span>
      <span className={classes.what}>
        <strong>{item.sentence}</strong>
        {item.problem && <small>{item.problem}</small>}
      </span>
      <span className={classes.stands}>
        <StateWord item={item} />
        <small>
          <RemoteWord remote={item.remote} />
          <Ago atMs={item.finishedAtMs ?? item.enqueuedAtMs} />
        </small>
      </span>
    </div>
  );
}
