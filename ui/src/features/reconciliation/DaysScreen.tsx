import { keepPreviousData } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { reportSpans } from "../../app/router";
import type { ReportQuery, ReportSpan } from "../../bindings/types";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { ReportBody } from "./ReportBody";
import { ReportFiles } from "./ReportFiles";

const GROUP = "Report";
const keys: Record<ReportSpan, string> = { day: "d", week: "w", month: "m" };

/** The report of a day, a week or a month of the hospital. */
export function DaysScreen() {
  const search = useSearch({ from: "/reconciliation/days" });
  const navigate = useNavigate({ from: "/reconciliation/days" });
  const span = search.span ?? "day";
  const query: ReportQuery = { runId: null, from: search.day ?? null, to: null, span };
  const read = useRead("reports.get", query, { placeholderData: keepPreviousData });
  const period = read.data?.period;
  const go = (change: { day?: string | undefined; span?: ReportSpan | undefined }) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)) });
  return (
    <Page
      testId="days-screen"
      title={read.data?.title ?? "Report of days"}
      lead={read.data && <span data-testid="report-subject">{read.data.subject}</span>}
      actions={
        <>
          <KeyButton shortcut="escape" says="Back to the runs" group={GROUP} run={() => void navigate({ to: "/reconciliation" })} data-testid="back" />
          <ReportFiles report={query} group={GROUP} disabled={read.data === undefined || read.isPlaceholderData} />
        </>
      }
    >
      <div className={shared.filters}>
        <KeyButton shortcut="[" says="Earlier" group={GROUP} run={() => go({ day: period?.previous })} disabled={!period} data-testid="earlier" />
        <KeyButton shortcut="t" says="Today" group={GROUP} run={() => go({ day: undefined })} data-testid="today" />
        <KeyButton shortcut="]" says="Later" group={GROUP} run={() => go({ day: period?.next })} disabled={!period} data-testid="later" />
        {(Object.keys(reportSpans) as ReportSpan[]).map((one) => (
          <KeyButton
            key={one}
            shortcut={keys[one]}
            says={reportSpans[one]}
            group={GROUP}
            run={() => go({ span: one })}
            aria-pressed={span === one}
            variant={span === one ? "light" : "default"}
            data-testid={`span-${one}`}
          />
        ))}
      </div>
      {read.data ? (
        <ReportBody report={read.data} stale={read.isPlaceholderData} />
      ) : read.isPending ? (
        <Waiting what="Reading the report" lines={10} />
      ) : (
        <Failure thrown={read.error} again={() => void read.refetch()} />
      )}
    </Page>
  );
}
