import { Progress } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { BrakedRun, PlannedRun, RunView } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { announce } from "../../shared/announce";
import { notifyFailure } from "../../shared/notify";
import { Moment } from "../../shared/When";
import { lasted } from "../../words/time";
import { lowerFirst, plural, runStatusWords, scheduleWords, triggerWords } from "../../words/words";
import classes from "./Home.module.css";

function timeLeft(run: RunView): string {
  const progress = run.progress;
  if (!progress || progress.total === null || progress.perSecond <= 0 || progress.done >= progress.total) return "";
  return ` · about ${lasted(((progress.total - progress.done) / progress.perSecond) * 1000)} left`;
}

function Running({ run }: { run: RunView }) {
  const { progress } = run;
  const share = progress?.total ? (progress.done / progress.total) * 100 : 0;
  return (
    <div data-testid="run-progress">
      <p className={classes.runText}>{progress?.text ?? "Starting"}</p>
      <Progress value={progress?.total ? share : 100} animated={!progress?.total} size="sm" aria-label="Progress of the comparison" />
      <p className={classes.small}>
        {progress &&
          `${progress.done.toLocaleString("en")}${progress.total === null ? "" : ` of ${progress.total.toLocaleString("en")}`}${progress.perSecond > 0 ? ` · ${progress.perSecond.toLocaleString("en")} a second` : ""}`}
        {timeLeft(run)}
      </p>
    </div>
  );
}

function Finished({ run, problem }: { run: RunView; problem: string | null }) {
  const { counts } = run;
  return (
    <div data-testid="last-run">
      <p className={classes.runText}>
        {runStatusWords[run.status]} <Moment atMs={run.endedAtMs ?? run.startedAtMs} />
        {run.endedAtMs !== null && `, took ${lasted(run.endedAtMs - run.startedAtMs)}`} · {run.actor ?? triggerWords(run.trigger)}
      </p>
      {problem && <p className={classes.problem}>{problem}</p>}
      <dl className={classes.figures}>
        <div>
          <dt>compared</dt>
          <dd>{counts.compared.toLocaleString("en")}</dd>
        </div>
        <div>
          <dt>equal</dt>
          <dd>{counts.equal.toLocaleString("en")}</dd>
        </div>
        <div>
          <dt>settled by rule</dt>
          <dd>{counts.settled.toLocaleString("en")}</dd>
        </div>
        <div>
          <dt>conflicts</dt>
          <dd>{counts.conflicts.toLocaleString("en")}</dd>
        </div>
        <div>
          <dt>written to ServiceNow</dt>
          <dd>{counts.writesServicenow.toLocaleString("en")}</dd>
        </div>
        <div>
          <dt>written to the EHR</dt>
          <dd>{counts.writesEhr.toLocaleString("en")}</dd>
        </div>
      </dl>
      {(counts.malformed > 0 || counts.possibleDuplicates > 0) && (
        <p className={classes.small}>
          {counts.malformed > 0 && `${plural(counts.malformed, "record")} could not be read and ${counts.malformed === 1 ? "was" : "were"} set aside. `}
          {counts.possibleDuplicates > 0 && `${plural(counts.possibleDuplicates, "possible duplicate")}.`}
        </p>
      )}
    </div>
  );
}

interface Props {
  run: RunView | null;
  lastRun: RunView | null;
  /** The one that the brake stopped: it stands above with all it counted. */
  braked: BrakedRun | null;
  /** What runs next by itself. */
  nextRun: PlannedRun | null;
}

export function RunCard({ run, lastRun, braked, nextRun }: Props) {
  const maySyncAll = useMay("sync_all");
  const start = useAct("run.start", ["home", "runs"], () => announce("The comparison of all patients has started."));
  const stop = useAct("run.stop", ["home", "runs"], () => announce("The comparison was stopped."));
  return (
    <section className={classes.card} aria-labelledby="run-title">
      <div className={classes.cardHead}>
        <h2 id="run-title">{run ? "Comparing now" : "Last comparison"}</h2>
        {maySyncAll &&
          (run ? (
            <KeyButton shortcut="x" says="Stop" group="Home" run={() => stop.mutate({ id: run.id }, { onError: notifyFailure })} loading={stop.isPending} data-testid="stop-run" />
          ) : (
            <KeyButton
              shortcut="y"
              says="Compare everything now"
              group="Home"
              run={() => start.mutate({ patientId: null, planOnly: false }, { onError: notifyFailure })}
              loading={start.isPending}
              data-testid="start-run"
            />
          ))}
      </div>
      {run ? (
        <Running run={run} />
      ) : lastRun ? (
        <Finished run={lastRun} problem={lastRun.id === braked?.runId ? "Stopped before the first write; what it would write stands above." : lastRun.problem} />
      ) : (
        <p className={classes.small}>None yet. The first one shows here how many patients were compared and what came of it.</p>
      )}
      {nextRun && (
        <p className={classes.small} data-testid="next-run">
          <Link to="/reconciliation">Next {lowerFirst(scheduleWords[nextRun.schedule])}</Link>: {nextRun.local}
          {nextRun.note && `, ${nextRun.note}`}
        </p>
      )}
    </section>
  );
}
