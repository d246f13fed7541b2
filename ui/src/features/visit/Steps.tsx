import { IconCircleCheck, IconCircleDashed, IconClock, IconHandStop, IconLoader2 } from "@tabler/icons-react";
import type { StepState, VisitStep } from "../../bindings/types";
import classes from "./Visit.module.css";

const icons = { done: IconCircleCheck, under_way: IconLoader2, waits: IconClock, blocked: IconHandStop, not_yet: IconCircleDashed } satisfies Record<StepState, unknown>;
const words: Record<StepState, string> = { done: "done", under_way: "under way", waits: "waits", blocked: "needs somebody", not_yet: "not yet" };

/** The way from ServiceNow to the EHR, and where it stops. */
export function Steps({ steps }: { steps: VisitStep[] }) {
  if (steps.length === 0) return null;
  return (
    <ol className={classes.steps} aria-label="Where it stands" data-testid="steps">
      {steps.map((step) => {
        const Icon = icons[step.state];
        return (
          <li key={step.title} data-state={step.state}>
            <Icon size={18} aria-hidden="true" />
            <div>
              <strong>{step.title}</strong>
              <small>{words[step.state]}</small>
              {step.why && <p>{step.why}</p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
