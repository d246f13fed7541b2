import { Progress as Bar } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import type { Progress, RunItem } from "../../bindings/types";
import { useListKeys } from "../../shared/useListKeys";
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

/** How far the run under way has come: in words, as a bar, and how fast. */
function UnderWay({ progress }: { progress: Progress }) {
  return (
    <div className={classes.underWay} data-testid="run-under-way">
      <small>
        {progress.text}
        {progress.perSecond > 0 && ` · ${progress.perSecond.toLocaleString("en")} a second`}
      </small>
      <Bar value={progress.total ? (progress.done / progress.total) * 100 : 100} animated={!progress.total} size="sm" aria-label="Progress of the comparison" />
    </div>
  );
}

/** The runs there were, the newest first; the one under way with its progress. Each that has ended opens its report. */
export function RunTable({ runs, progress, reports }: { runs: RunItem[]; progress: Progress | null; reports: boolean }) {
  const navigate = useNavigate();
  const table = useRef<HTMLTableElement>(null);
  const ended = reports ? runs.filter(({ run }) => run.endedAtMs !== null) : [];
  const { active } = useListKeys({
    count: ended.length,
    group: "Reconciliation",
    resetKey: "",
    open: (index) => {
      const runId = ended[index]?.run.id;
      if (runId !== undefined) void navigate({ to: "/reconciliation/$runId", params: { runId } });
    },
    scrollTo: (index) => table.current?.querySelector(`[data-run="${ended[index]?.run.id}"]`)?.scrollIntoView?.({ block: "nearest" }),
  });
  return (
    <table className={classes.runs} data-testid="runs" ref={table}>
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
          <tr key={run.id} data-testid="run-row" data-status={run.status} data-run={run.id} data-active={ended[active]?.run.id === run.id}>
            <th scope="row">
              {reports && run.endedAtMs !== null ? (
                <Link to="/reconciliation/$runId" params={{ runId: run.id }} data-testid="open-report">
                  <Moment atMs={run.startedAtMs} />
                </Link>
              ) : (
                <Moment atMs={run.startedAtMs} />
              )}
            </th>
            <td>
              {runStatusWords[run.status]}
              {run.endedAtMs !== null && `, took ${lasted(run.endedAtMs - run.startedAtMs)}`}
              {run.status === "running" && progress?.runId === run.id && <UnderWay progress={progress} />}
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
