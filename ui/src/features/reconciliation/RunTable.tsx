import type { Progress, RunItem } from "../../bindings/types";
import { Moment } from "../../shared/When";
import { lasted } from "../../words/time";
import { runStatusWords, triggerWords } from "../../words/words";
import classes from "./Reconciliation.module.css";

const figures = [
  { key: "compared", word: "Compared" },
  { key: "equal", word: "Equal" },
  { key: "settled", word: "Settled by rule" },
  { key: "conflicts", word: "Conflicts" },
] as const;

/** The runs there were, the newest first; the one under way with its progress. */
export function RunTable({ runs, progress }: { runs: RunItem[]; progress: Progress | null }) {
  return (
    <table className={classes.runs} data-testid="runs">
      <caption>Runs</caption>
      <thead>
        <tr>
          <th scope="col">Began</th>
          <th scope="col">Outcome</th>
          <th scope="col">Asked for</th>
          {figures.map(({ key, word }) => (
            <th key={key} scope="col" className={classes.figure}>
              {word}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {runs.map(({ run, standsFor }) => (
          <tr key={run.id} data-testid="run-row" data-status={run.status}>
            <th scope="row">
              <Moment atMs={run.startedAtMs} />
            </th>
            <td>
              {runStatusWords[run.status]}
              {run.endedAtMs !== null && `, took ${lasted(run.endedAtMs - run.startedAtMs)}`}
              {run.status === "running" && progress?.runId === run.id && <small>{progress.text}</small>}
              {run.problem && <small>{run.problem}</small>}
            </td>
            <td>
              {run.actor ?? triggerWords(run.trigger)}
              {standsFor && <small>{standsFor}</small>}
            </td>
            {figures.map(({ key }) => (
              <td key={key} className={classes.figure}>
                {run.counts[key].toLocaleString("en")}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
