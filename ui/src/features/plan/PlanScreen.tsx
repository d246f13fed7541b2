import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import type { PlanView } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useAct, useRead } from "../../data/useRead";
import type { CallFailed } from "../../host/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { announce } from "../../shared/announce";
import { Failure } from "../../shared/Failure";
import { notifyDone, notifyFailure, takeBack } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { Waiting } from "../../shared/Waiting";
import { plural } from "../../words/words";
import { forgetWork } from "../compare/kept";
import { forgetEdit } from "../queue/kept";
import { ReceiptCards } from "../receipts/ReceiptCards";
import { ApproveBar } from "./ApproveBar";
import { Operations } from "./Operations";
import classes from "./Plan.module.css";
import { PlanFacts } from "./PlanFacts";
import { WriteCard } from "./WriteCard";

const POLL_MS = 1_000;
const APPROVED = "approved";

function titleOf(plan: PlanView): string {
  if (plan.status === "done") return plan.undoes ? "Undone" : "Done";
  if (plan.replaces && (plan.status === "draft" || plan.status === "awaiting_second")) return `Resend: this will make ${plural(plan.writes.length, "write")} in place of the refused one`;
  if (plan.status === "awaiting_check") return "Approved, and not written yet";
  if (plan.undoes) return `Undo: ${plural(plan.writes.length, "write")} would be taken back`;
  if (plan.status === "refused") return "This plan was refused";
  if (plan.status === "superseded") return "This plan is out of date";
  if (plan.writes.length === 0) return "This makes no writes";
  return `This will make ${plural(plan.writes.length, "write")}`;
}

export function PlanScreen() {
  const { planId } = useParams({ from: "/plans/$planId" });
  const plan = useRead(
    "plans.get",
    { id: planId },
    { staleTime: 0, refetchInterval: (query) => (query.state.data?.status === "approved" || query.state.data?.status === "awaiting_check" ? POLL_MS : false) },
  );
  if (plan.isPending)
    return (
      <Page title="Plan" testId="plan">
        <Waiting what="Reading the plan" lines={8} />
      </Page>
    );
  if (!plan.data)
    return (
      <Page title="Plan" testId="plan">
        <Failure thrown={plan.error} again={() => void plan.refetch()} />
      </Page>
    );
  return <Plan key={plan.data.id} plan={plan.data} />;
}

function Plan({ plan }: { plan: PlanView }) {
  const navigate = useNavigate();
  const mayUndo = useMay("undo");
  const mayQueue = useMay("see_queue");
  const [refusing, setRefusing] = useState(false);
  const sent = useRef<PlanView["status"] | null>(null);
  const [failure, setFailure] = useState<CallFailed | null>(null);
  const written = plan.status === "approved" || plan.status === "done";
  const waits = plan.status === "awaiting_check";
  const decidable = plan.status === "draft" || plan.status === "awaiting_second";

  const backToConflict = (moved: boolean) => {
    if (plan.replaces) void navigate({ to: "/queue/$operationId", params: { operationId: plan.replaces }, search: { edit: true } });
    else if (plan.conflictId) void navigate({ to: "/work/$conflictId", params: { conflictId: plan.conflictId }, search: moved ? { moved: true } : {} });
    else void navigate({ to: "/patients/$patientId", params: { patientId: plan.patientId } });
  };
  const approve = useAct("plans.approve", ["plans", "conflicts", "conflict", "home", "receipts", "patient", "patients", "queue"], ({ plan: now }, client) => {
    setFailure(null);
    client.setQueriesData<PlanView>({ queryKey: ["plans", "plans.get"], predicate: (query) => (query.state.data as PlanView | undefined)?.id === now.id }, now);
    // While it waits, what was chosen may be asked about again.
    if (now.conflictId && now.status !== "awaiting_second" && now.status !== "awaiting_check") forgetWork(now.conflictId);
    if (now.replaces) forgetEdit(now.replaces);
    notifyDone(
      now.status === "awaiting_second"
        ? "Approved by you. It now waits for a second person."
        : now.waits
          ? now.waits
          : plan.writes.length === 0
            ? "Remembered."
            : "Approved. The writes are on their way.",
      APPROVED,
    );
  });
  const refuse = useAct("plans.refuse", ["plans", "conflicts", "conflict", "home", "patient", "patients", "queue"], (now) => {
    notifyDone(waits ? "Withdrawn. Nothing was written, and it is asked about again." : "Refused. Nothing was written.");
    if (now.replaces) void navigate({ to: "/queue/$operationId", params: { operationId: now.replaces } });
    else if (now.conflictId) void navigate({ to: "/work" });
  });
  const undo = useAct("plans.undo", ["plans"], (made) => void navigate({ to: "/plans/$planId", params: { planId: made.id } }));
  // What was said of the last approval must not stand over the next one.
  const done = plan.status === "done";
  useEffect(() => {
    if (done) takeBack(APPROVED);
    return () => takeBack(APPROVED);
  }, [done]);
  const busy = approve.isPending || refuse.isPending;

  const send = (reason: string | null) => {
    // Two presses in one breath come before the screen can say that it is busy.
    if (busy || sent.current === plan.status) return;
    sent.current = plan.status;
    approve.mutate(
      { planId: plan.id, hash: plan.hash, reason },
      {
        onError: (thrown) => {
          sent.current = null;
          if (thrown.error.code === "moved" && plan.conflictId && !plan.replaces) {
            announce(thrown.error.message);
            backToConflict(true);
          } else setFailure(thrown);
        },
      },
    );
  };
  const back = written || waits || plan.status === "awaiting_second" ? "Back" : plan.replaces ? "Back to the edit" : plan.conflictId ? "Back to compare" : "Back";
  return (
    <Page
      testId="plan"
      title={titleOf(plan)}
      lead={<PlanFacts plan={plan} />}
      actions={
        <>
          <KeyButton
            shortcut="escape"
            says={back}
            group="Plan"
            run={() => (back === "Back" ? void navigate({ to: plan.replaces ? "/queue" : written ? "/receipts" : "/work" }) : backToConflict(false))}
            data-testid="back"
          />
          {decidable && plan.mayApprove && (
            <KeyButton shortcut="r" says={plan.status === "draft" ? "Drop the plan" : "Refuse"} group="Plan" disabled={busy} run={() => setRefusing(true)} data-testid="refuse" />
          )}
          {plan.mayWithdraw && <KeyButton shortcut="r" says="Withdraw" group="Plan" disabled={busy} run={() => setRefusing(true)} data-testid="withdraw" />}
          {(plan.status === "approved" || waits) && mayQueue && (
            <KeyButton shortcut="o" says="See it in the queue" group="Plan" run={() => void navigate({ to: "/queue", search: { patient: plan.patientId } })} data-testid="see-queue" />
          )}
          {plan.status === "superseded" && plan.conflictId && !plan.replaces && (
            <KeyButton shortcut="enter" says="Open the conflict again" group="Plan" variant="filled" run={() => backToConflict(true)} data-testid="reopen" />
          )}
        </>
      }
    >
      {failure && <Failure thrown={failure} />}
      {plan.waits && (
        <p className={classes.note} data-tone="warn" role="status" data-testid="plan-waits">
          {plan.waits}
        </p>
      )}
      {plan.leftOut.length > 0 && (
        <div className={classes.note} data-tone="warn" data-testid="left-out">
          <strong>Left out, because it changed since:</strong>
          <ul>
            {plan.leftOut.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </div>
      )}
      {plan.status !== "done" && <Operations operations={approve.data?.operations ?? []} />}
      {written ? (
        <ReceiptCards
          planId={plan.id}
          waiting={plan.status === "approved" || plan.writes.length > 0}
          mayUndo={mayUndo}
          undo={(id) => undo.mutate({ id }, { onError: notifyFailure })}
          undoing={undo.isPending}
          expected={plan.writes.length}
        />
      ) : (
        <ol className={classes.writes}>
          {plan.writes.map((write) => (
            <WriteCard key={`${write.remote}-${write.url}-${write.sentence}`} write={write} />
          ))}
        </ol>
      )}
      {plan.writes.length === 0 && decidable && <p className={classes.note}>Nothing is sent to either system. The answer itself is remembered, with its reason.</p>}
      {plan.openFields.length > 0 && decidable && <p className={classes.note}>Left open for later: {plan.openFields.join(", ")}.</p>}
      {decidable && <ApproveBar plan={plan} busy={busy} approve={send} />}
      {refusing && (
        <ReasonDialog
          title={waits ? "Withdraw this plan" : plan.status === "draft" ? "Drop this plan" : "Refuse this plan"}
          label={waits ? "Why? It stays in the audit trail." : "Why? The maker will read it."}
          act={waits ? "Withdraw" : plan.status === "draft" ? "Drop the plan" : "Refuse"}
          busy={refuse.isPending}
          close={() => setRefusing(false)}
          send={(reason) => refuse.mutate({ planId: plan.id, reason }, { onError: notifyFailure })}
        />
      )}
    </Page>
  );
}
