import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { QueueDetail } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import { Waiting } from "../../shared/Waiting";
import { Moment } from "../../shared/When";
import { planStatusWords } from "../../words/words";
import { WriteCard } from "../plan/WriteCard";
import { Attempts } from "./Attempts";
import { EditForm } from "./EditForm";
import { Lineage } from "./Lineage";
import classes from "./Operation.module.css";
import { StateWord } from "./StateWord";
import { useEditing } from "./useEditing";
import { useOperationActions } from "./useOperationActions";

export function OperationScreen() {
  const { operationId } = useParams({ from: "/queue/$operationId" });
  const may = useMay("see_queue");
  const detail = useRead("queue.show", { id: operationId }, { enabled: may });
  if (may && detail.isPending)
    return (
      <Page title="Write" testId="operation">
        <Waiting what="Reading the write" lines={10} />
      </Page>
    );
  if (!detail.data)
    return (
      <Page title="Write" testId="operation">
        {may ? <Failure thrown={detail.error} again={() => void detail.refetch()} /> : <p>The queue is looked after by IT or an administrator.</p>}
      </Page>
    );
  return <Operation key={operationId} detail={detail.data} />;
}

function Links({ detail }: { detail: QueueDetail }) {
  const { item, patient, owner, planStatus, maker, approver, conflictId, hasReceipt } = detail;
  const mayReceipts = useMay("see_receipts");
  const mayConflicts = useMay("see_conflicts");
  return (
    <dl className={classes.links}>
      <div>
        <dt>Patient</dt>
        <dd>
          <Link to="/patients/$patientId" params={{ patientId: item.patientId }}>
            {patient}
          </Link>
          {owner && <>, {owner}</>}
        </dd>
      </div>
      <div>
        <dt>Plan</dt>
        <dd>
          <Link to="/plans/$planId" params={{ planId: item.planId }}>
            made by {maker}
          </Link>
          {approver && approver !== maker && `, approved by ${approver}`} ({planStatusWords[planStatus].toLowerCase()})
        </dd>
      </div>
      {conflictId && mayConflicts && (
        <div>
          <dt>Conflict</dt>
          <dd>
            <Link to="/work/$conflictId" params={{ conflictId }}>
              what it is about
            </Link>
          </dd>
        </div>
      )}
      {hasReceipt && mayReceipts && (
        <div>
          <dt>Receipt</dt>
          <dd>
            <Link to="/receipts" search={{ plan: item.planId }}>
              what was written
            </Link>
          </dd>
        </div>
      )}
      <div>
        <dt>Queued</dt>
        <dd>
          <Moment atMs={item.enqueuedAtMs} />
        </dd>
      </div>
      {item.finishedAtMs !== null && (
        <div>
          <dt>Ended</dt>
          <dd>
            <Moment atMs={item.finishedAtMs} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function Operation({ detail }: { detail: QueueDetail }) {
  const { item } = detail;
  const navigate = useNavigate();
  const { edit } = useSearch({ from: "/queue/$operationId" });
  const mayEdit = useMay("edit_queue");
  const actions = useOperationActions(detail.patient);
  const editable = item.mayEdit && detail.notEditableBecause === null;
  const [asked, setEdit] = useEditing(Boolean(edit), (on) => void navigate({ to: "/queue/$operationId", params: { operationId: item.id }, search: on ? { edit: true } : {}, replace: true }));
  const editing = asked && editable;
  return (
    <Page
      testId="operation"
      title={item.sentence}
      lead={
        <>
          For {detail.patient} · <StateWord item={item} />
        </>
      }
      actions={
        <>
          {!editing && <KeyButton shortcut="escape" says="Back to the queue" group="Write" run={() => void navigate({ to: "/queue" })} data-testid="back" />}
          {mayEdit && (
            <>
              <KeyButton shortcut="c" says="Cancel" group="Write" disabled={!item.mayCancel || actions.busy} run={() => actions.cancel(item)} data-testid="cancel" />
              <KeyButton shortcut="r" says="Retry now" group="Write" disabled={!item.mayRetry || actions.busy} run={() => actions.retry(item)} data-testid="retry" />
              {!editing && (
                <KeyButton
                  shortcut="e"
                  says="Edit and resend"
                  group="Write"
                  variant={editable ? "filled" : "default"}
                  disabled={!editable}
                  aria-describedby={detail.notEditableBecause ? "not-editable" : undefined}
                  run={() => setEdit(true)}
                  data-testid="edit"
                />
              )}
            </>
          )}
        </>
      }
    >
      {!mayEdit && item.whoCan && (
        <p className={classes.quiet} data-testid="who-can">
          To edit, retry or cancel it, ask {item.whoCan}.
        </p>
      )}
      {mayEdit && detail.notEditableBecause && (
        <p id="not-editable" className={classes.quiet} data-testid="not-editable">
          Cannot be edited: {detail.notEditableBecause.charAt(0).toLowerCase() + detail.notEditableBecause.slice(1)}
        </p>
      )}
      <div className={classes.columns}>
        <div className={classes.stack}>
          {editing && <EditForm detail={detail} close={() => setEdit(false)} />}
          {!editing && item.problem && (
            <p className={classes.refusal} data-testid="problem">
              {item.problem}
            </p>
          )}
          <ol className={classes.write}>
            <WriteCard write={detail.write} open={!editing} />
          </ol>
        </div>
        <div className={classes.stack}>
          <section className={classes.card} aria-label="Where it belongs">
            <Links detail={detail} />
          </section>
          <Attempts attempts={detail.attempts} />
          <Lineage entries={detail.lineage} />
        </div>
      </div>
      {actions.dialog}
    </Page>
  );
}
