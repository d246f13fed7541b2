import { IconCalendarClock } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { ScheduledPart } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import { Waiting } from "../../shared/Waiting";
import { lowerFirst, scheduleWords } from "../../words/words";
import classes from "./Reconciliation.module.css";
import { RunTable } from "./RunTable";

const LISTED = 100;

/** One schedule: its rule, what became of the last one, and the next ones with their offsets. */
function Part({ part }: { part: ScheduledPart }) {
  const title = scheduleWords[part.schedule];
  return (
    <section className={classes.card} aria-label={title} data-testid={`schedule-${part.schedule}`}>
      <h2>{title}</h2>
      <p>
        {part.rule} · {part.zone}
      </p>
      {part.last && (
        <p data-done={part.last.done} className={classes.last}>
          Last: {part.last.slot}, {part.last.words}
        </p>
      )}
      <ol className={classes.next} aria-label={`Next runs of the ${lowerFirst(title)}`}>
        {part.next.map((next) => (
          <li key={next.atMs}>
            <time dateTime={new Date(next.atMs).toISOString()}>{next.local}</time>
            {next.note && <span>{next.note}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What runs by itself and when, and what came of the runs there were. */
export function ReconciliationScreen() {
  const schedule = useRead("schedule.get", {}, { refetchInterval: 60_000 });
  const runs = useRead("runs.list", { limit: LISTED });
  const home = useRead("home.get", {});
  const seesReports = useMay("see_reports");
  const navigate = useNavigate();
  return (
    <Page
      testId="reconciliation-screen"
      title="Reconciliation"
      lead="Both systems are compared completely once a day; every run leaves its outcome here."
      actions={
        seesReports && <KeyButton shortcut="r" says="Report of a day, week or month" group="Reconciliation" run={() => void navigate({ to: "/reconciliation/days" })} data-testid="report-of-days" />
      }
    >
      {schedule.data ? (
        <div className={classes.parts}>
          {schedule.data.off && (
            <p className={classes.off} data-testid="schedule-off">
              {schedule.data.off}
            </p>
          )}
          {schedule.data.parts.map((part) => (
            <Part key={part.schedule} part={part} />
          ))}
        </div>
      ) : schedule.isPending ? (
        <Waiting what="Reading the schedule" lines={4} />
      ) : (
        <Failure thrown={schedule.error} again={() => void schedule.refetch()} />
      )}
      {runs.data === undefined ? (
        runs.isPending ? (
          <Waiting what="Reading the runs" lines={8} />
        ) : (
          <Failure thrown={runs.error} again={() => void runs.refetch()} />
        )
      ) : runs.data.runs.length === 0 ? (
        <Empty title="No runs yet" icon={<IconCalendarClock size={28} aria-hidden="true" />}>
          Every complete comparison is listed here: what asked for it, how long it took, and what came of it.
        </Empty>
      ) : (
        <RunTable runs={runs.data.runs} progress={home.data?.run?.progress ?? null} reports={seesReports} />
      )}
    </Page>
  );
}
