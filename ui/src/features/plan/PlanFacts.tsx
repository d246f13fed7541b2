import { Link } from "@tanstack/react-router";
import type { PlanView } from "../../bindings/types";
import { Moment } from "../../shared/When";
import { planStatusWords } from "../../words/words";

/** Who made it, who approved it, where it stands. */
export function PlanFacts({ plan }: { plan: PlanView }) {
  return (
    <>
      For{" "}
      <Link to="/patients/$patientId" params={{ patientId: plan.patientId }}>
        {plan.patient}
      </Link>{" "}
      · made by {plan.makerIsMe ? "you" : plan.maker} <Moment atMs={plan.madeAtMs} />
      {plan.approver && <> · approved by {plan.approver}</>} · <span data-testid="plan-status">{planStatusWords[plan.status]}</span>
      {plan.replaces && (
        <>
          {" "}
          ·{" "}
          <Link to="/queue/$operationId" params={{ operationId: plan.replaces }}>
            what it takes the place of
          </Link>
        </>
      )}
      {plan.undoes && (
        <>
          {" "}
          ·{" "}
          <Link to="/plans/$planId" params={{ planId: plan.undoes }}>
            what it undoes
          </Link>
        </>
      )}
    </>
  );
}
