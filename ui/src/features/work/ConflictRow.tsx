import { IconLock, IconUserCheck, IconUsers } from "@tabler/icons-react";
import type { ConflictItem } from "../../bindings/types";
import { SpeciesIcon } from "../../shared/Species";
import { GradeWord } from "../../shared/Status";
import { RemoteWord } from "../../shared/sides";
import { Ago } from "../../shared/When";
import { capitalised, causeWords, conflictStatusWords } from "../../words/words";
import classes from "./Work.module.css";

const blank = (text: string) => (text === "" ? "blank" : text);

function Values({ item }: { item: ConflictItem }) {
  if (item.serviceNowShort === null || item.ehrShort === null) return <span className={classes.values} />;
  return (
    <span className={classes.values}>
      <span>
        <RemoteWord remote="service_now" /> <span>{blank(item.serviceNowShort)}</span>
      </span>
      <span>
        <RemoteWord remote="ehr" /> <span>{blank(item.ehrShort)}</span>
      </span>
    </span>
  );
}

/** Who works on it, or where it stands. */
function State({ item }: { item: ConflictItem }) {
  if (item.status !== "open") {
    return (
      <span className={classes.state}>
        <IconUsers size={14} aria-hidden="true" /> {item.waits ? "Approved, waits" : conflictStatusWords[item.status]}
      </span>
    );
  }
  if (item.claimedBy !== null) {
    return (
      <span className={classes.state}>
        <IconUserCheck size={14} aria-hidden="true" /> {item.claimedByMe ? "You work on it" : item.claimedBy}
      </span>
    );
  }
  if (!item.mayDecide) {
    return (
      <span className={classes.state}>
        <IconLock size={14} aria-hidden="true" /> For another role
      </span>
    );
  }
  return null;
}

export function ConflictRow({ item, inGroup }: { item: ConflictItem; inGroup: boolean }) {
  return (
    <div className={classes.row} data-in-group={inGroup}>
      <span className={classes.icon} title={capitalised(item.species)}>
        <SpeciesIcon species={item.species} size={20} />
      </span>
      <span className={classes.patient}>
        <strong>{item.patient}</strong>
        <small>{item.owner}</small>
      </span>
      <span className={classes.what}>
        <strong>{item.fieldLabels.length > 0 ? item.fieldLabels.join(", ") : causeWords[item.cause]}</strong>
        <small>{item.waits ?? item.why}</small>
      </span>
      <Values item={item} />
      <span className={classes.end}>
        <GradeWord grade={item.grade} />
        <small>
          <State item={item} />
          <Ago atMs={item.openedAtMs} />
        </small>
      </span>
    </div>
  );
}
