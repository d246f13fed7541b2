import { Link } from "@tanstack/react-router";
import type { WaitingPlan } from "../../bindings/types";
import { SpeciesIcon } from "../../shared/Species";
import { Ago } from "../../shared/When";
import { capitalised, plural } from "../../words/words";
import classes from "./Queue.module.css";

/** What is approved and stands in no lane yet: both systems are read again before anything of it is sent. */
export function WaitingPlans({ plans, total }: { plans: WaitingPlan[]; total: number }) {
  const [first] = plans;
  if (!first) return null;
  return (
    <section className={classes.waitingPlans} aria-label="Approved, waiting for their check" data-testid="waiting-plans">
      <strong>{plural(total, "approved plan")} not written yet</strong>
      <p>{first.words}</p>
      <ul>
        {plans.map((plan) => (
          <li key={plan.planId} data-testid="waiting-plan">
            <span title={capitalised(plan.species)}>
              <SpeciesIcon species={plan.species} size={18} />
            </span>
            <Link to="/plans/$planId" params={{ planId: plan.planId }}>
              {plan.patient}
            </Link>
            <span>{plan.sentences.length > 0 ? plan.sentences.join("; ") : "Remember what was decided"}</span>
            <small>
              approved by {plan.approver} <Ago atMs={plan.approvedAtMs} />
            </small>
          </li>
        ))}
      </ul>
      {plans.length < total && <p>The {plans.length.toLocaleString("en")} approved first are shown.</p>}
    </section>
  );
}
