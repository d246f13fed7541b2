import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { IncidentView, RemoteStatus } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { RemoteTruth } from "../../shared/RemoteTruth";
import { ColumnWord } from "../../shared/sides";
import { useNow } from "../../shared/useNow";
import { Moment } from "../../shared/When";
import { secondsLeft } from "../../words/time";
import { capitalised, placeWords } from "../../words/words";
import { Incident } from "./Incident";
import classes from "./Queue.module.css";

/** The number of the system's column on the compare screen; its keys end in it. */
const columnOf = { service_now: "1", ehr: "3" } as const;

function Counts({ remote }: { remote: RemoteStatus }) {
  const counts = [
    { state: "waiting", count: remote.waiting, words: "waiting" },
    { state: "trying", count: remote.retrying, words: "trying again" },
    { state: "parked", count: remote.parked, words: remote.parked === 1 ? "needs an edit" : "need an edit" },
  ] as const;
  return (
    <span className={classes.counts}>
      {counts.map(({ state, count, words }) =>
        count === 0 ? null : (
          <Link key={state} to="/queue" search={{ remote: remote.remote, state }} data-state={state}>
            <strong>{count.toLocaleString("en")}</strong> {words}
          </Link>
        ),
      )}
      {remote.waiting + remote.retrying + remote.parked === 0 && <span>nothing queued</span>}
    </span>
  );
}

/** What the system said of its own limit, and ours. */
function Limits({ remote }: { remote: RemoteStatus }) {
  const { slowUntilMs, requestsPerMinute, rateLimit } = remote;
  const now = useNow(slowUntilMs !== null);
  const facts = [
    slowUntilMs !== null && slowUntilMs > now && `asked to wait, ${secondsLeft(slowUntilMs, now)} left`,
    requestsPerMinute !== null && `at most ${requestsPerMinute.toLocaleString("en")} requests a minute from VetSync`,
    rateLimit !== null && `it allows ${rateLimit.limit.toLocaleString("en")} an hour${rateLimit.rule ? ` (${rateLimit.rule})` : ""}`,
  ].filter((fact) => fact !== false);
  return (
    <>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
      {rateLimit?.resetsAtMs != null && (
        <span>
          counted anew at <Moment atMs={rateLimit.resetsAtMs} />
        </span>
      )}
    </>
  );
}

interface Props {
  remote: RemoteStatus;
  incidents: IncidentView[];
  mayControl: boolean;
}

/** One system: where it stands, what waits for it, and the hands on it. */
export function RemoteCard({ remote, incidents, mayControl }: Props) {
  const [pausing, setPausing] = useState(false);
  const key = columnOf[remote.remote];
  const pause = useAct("remotes.pause", ["remotes", "queue", "home"], () => {
    setPausing(false);
    notifyDone(`${remote.label} is paused. What is to be written waits.`);
  });
  const resume = useAct("remotes.resume", ["remotes", "queue", "home"], () => notifyDone(`${remote.label} is resumed. What waited goes out now, in order.`));
  const tryNow = useAct("remotes.try_now", ["remotes", "queue", "home"], () => notifyDone(`${remote.label} is being tried now.`));
  const isPaused = remote.health === "paused";
  const mayTry = mayControl && !isPaused && remote.slowUntilMs === null && remote.health !== "answering";
  return (
    <li className={classes.remote} data-health={remote.health} data-testid={`remote-${remote.remote}`}>
      <div className={classes.remoteHead}>
        <ColumnWord column={remote.remote} word={remote.label} />
        <RemoteTruth health={remote.health} latencyMs={remote.latencyMs} nextTryAtMs={remote.trying ? null : remote.nextTryAtMs} />
        {mayControl && (
          <span className={classes.hands}>
            {mayTry && (
              <KeyButton
                shortcut={`t ${key}`}
                says="Try now"
                about={remote.label}
                group="Systems"
                run={() => tryNow.mutate({ remote: remote.remote, reason: null }, { onError: notifyFailure })}
                loading={tryNow.isPending || remote.trying}
                data-testid={`try-${remote.remote}`}
              />
            )}
            {isPaused ? (
              <KeyButton
                shortcut={`p ${key}`}
                says="Resume"
                about={remote.label}
                group="Systems"
                variant="filled"
                run={() => resume.mutate({ remote: remote.remote, reason: null }, { onError: notifyFailure })}
                loading={resume.isPending}
                data-testid={`resume-${remote.remote}`}
              />
            ) : (
              <KeyButton shortcut={`p ${key}`} says="Pause" about={remote.label} group="Systems" run={() => setPausing(true)} data-testid={`pause-${remote.remote}`} />
            )}
          </span>
        )}
      </div>
      {incidents.length === 0 && remote.health !== "answering" && <p className={classes.truth}>{remote.words}</p>}
      {remote.paused && (
        <p className={classes.facts}>
          <span>“{remote.paused.reason}”</span>
          <span>
            since <Moment atMs={remote.paused.atMs} />
          </span>
        </p>
      )}
      {incidents.map((incident, index) => (
        <Incident key={incident.id} incident={incident} shortcut={`i ${Number(key) + index}`} />
      ))}
      <p className={classes.facts}>
        <Counts remote={remote} />
        {remote.lastAnswerAtMs !== null && (
          <span>
            last answer <Moment atMs={remote.lastAnswerAtMs} />
          </span>
        )}
        <Limits remote={remote} />
      </p>
      {remote.polls.map((poll) => (
        <p key={poll.what} className={classes.facts} data-testid={`poll-${remote.remote}-${poll.what}`} data-well={poll.well}>
          <span>{capitalised(poll.what)}</span>
          <span>{poll.pace}</span>
          {poll.readAtMs !== null && (
            <span>
              last <Moment atMs={poll.readAtMs} />
            </span>
          )}
          <span>{poll.words}</span>
        </p>
      ))}
      {pausing && (
        <ReasonDialog
          title={`Pause ${remote.label}`}
          label="Why? Everybody who waits for it reads this."
          act={`Pause ${remote.label}`}
          busy={pause.isPending}
          close={() => setPausing(false)}
          send={(reason) => pause.mutate({ remote: remote.remote, reason }, { onError: notifyFailure })}
        >
          <p className={classes.dialogText}>
            Nothing is sent to {placeWords[remote.remote]} and nothing is read from it until somebody resumes it. What is approved already waits in order; what is decided meanwhile is kept, and
            approved after that.
          </p>
        </ReasonDialog>
      )}
    </li>
  );
}
