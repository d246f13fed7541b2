import { useNavigate, useParams } from "@tanstack/react-router";
import type { ReportQuery } from "../../bindings/types";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import { Waiting } from "../../shared/Waiting";
import { ReportBody } from "./ReportBody";
import { ReportFiles } from "./ReportFiles";

const GROUP = "Report";

/** The report of one run, as it was when the run ended. */
export function RunScreen() {
  const { runId } = useParams({ from: "/reconciliation/$runId" });
  const navigate = useNavigate();
  const query: ReportQuery = { runId, from: null, to: null, span: null };
  // What is kept of a run never changes.
  const read = useRead("reports.get", query, { staleTime: Number.POSITIVE_INFINITY });
  return (
    <Page
      testId="run-screen"
      title={read.data?.title ?? "Report of a run"}
      lead={read.data && <span data-testid="report-subject">{read.data.subject}</span>}
      actions={
        <>
          <KeyButton shortcut="escape" says="Back to the runs" group={GROUP} run={() => void navigate({ to: "/reconciliation" })} data-testid="back" />
          <ReportFiles report={query} group={GROUP} disabled={read.data === undefined} />
        </>
      }
    >
      {read.data ? <ReportBody report={read.data} /> : read.isPending ? <Waiting what="Reading the report" lines={10} /> : <Failure thrown={read.error} again={() => void read.refetch()} />}
    </Page>
  );
}
