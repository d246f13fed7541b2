import type { IncidentView } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Moment } from "../../shared/When";
import { plural } from "../../words/words";
import classes from "./Queue.module.css";

/** What is wrong, since when, the way out, and who looks after it. */
export function Incident({ incident, shortcut }: { incident: IncidentView; shortcut: string }) {
  const acknowledge = useAct("incidents.acknowledge", ["incidents", "remotes", "home"], () => notifyDone("Others now see that you look after it."));
  return (
    <div className={classes.incident} data-testid="incident">
      <strong>{incident.words}</strong>
      <p>{incident.wayOut}</p>
      <p className={classes.facts}>
        <span>
          Since <Moment atMs={incident.firstSeenAtMs} />
          {incident.times > 1 && `, ${plural(incident.times, "time")}`} ·{" "}
          {incident.acknowledgedBy === null ? (
            "nobody looks after it yet"
          ) : (
            <>
              {incident.acknowledgedBy} looks after it
              {incident.acknowledgedAtMs !== null && (
                <>
                  {" since "}
                  <Moment atMs={incident.acknowledgedAtMs} />
                </>
              )}
            </>
          )}
        </span>
        {incident.mayAcknowledge && (
          <KeyButton
            shortcut={shortcut}
            says="I look after it"
            group="Systems"
            size="compact-xs"
            about={incident.words}
            run={() => acknowledge.mutate({ id: incident.id, reason: null }, { onError: notifyFailure })}
            loading={acknowledge.isPending}
            data-testid="acknowledge"
          />
        )}
      </p>
    </div>
  );
}
