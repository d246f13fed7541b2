import { Textarea } from "@mantine/core";
import { IconUsers } from "@tabler/icons-react";
import { useState } from "react";
import type { PlanView } from "../../bindings/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { announce } from "../../shared/announce";
import classes from "./Plan.module.css";

interface Props {
  plan: PlanView;
  busy: boolean;
  approve: (reason: string | null) => void;
}

/** For the second person: what the maker wrote, and what has happened since. */
function ForSecond({ plan }: { plan: PlanView }) {
  return (
    <div className={classes.second} data-testid="second-person">
      <IconUsers size={20} aria-hidden="true" />
      <div>
        <strong>{plan.makerIsMe ? "Your plan waits for a second person" : `${plan.maker} asks for a second person`}</strong>
        <p>{plan.reason ? `Reason: “${plan.reason}”` : "No reason was given."}</p>
        {plan.moved.length === 0 ? (
          <p>Nothing has changed since it was made.</p>
        ) : (
          <>
            <p>Changed since it was made:</p>
            <ul>
              {plan.moved.map((sentence) => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
          </>
        )}
      </div>
    </div>
  );
}

export function ApproveBar({ plan, busy, approve }: Props) {
  const [reason, setReason] = useState(plan.makerIsMe ? (plan.reason ?? "") : "");
  const [asked, setAsked] = useState(false);
  const missing = plan.needsReason && reason.trim() === "";
  const second = plan.status === "awaiting_second";
  const send = () => {
    setAsked(true);
    if (missing) {
      announce("Approving this needs a reason.");
      document.getElementById("approval-reason")?.focus();
      return;
    }
    approve(reason.trim() || null);
  };
  return (
    <div className={classes.approve} data-testid="approve-bar">
      {second && <ForSecond plan={plan} />}
      {plan.mayApprove ? (
        <>
          {(plan.needsReason || plan.grade >= 4) && (
            <Textarea
              id="approval-reason"
              label={plan.needsReason ? "Reason (needed)" : "Reason"}
              description={second ? "Stays with the receipt." : "The second person reads it, and it stays with the receipt."}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
              error={asked && missing ? "Approving this needs a reason." : null}
              autosize
              minRows={2}
              maxRows={5}
            />
          )}
          <div className={classes.approveLine}>
            <p>{!second && plan.needsSecond ? "Nothing is written until a second person has approved it too." : "Exactly this is sent. If anything has moved meanwhile, nothing is written."}</p>
            <KeyButton
              shortcut="mod+enter"
              says={plan.undoes ? "Approve the undo" : !second && plan.needsSecond ? "Approve and ask a second person" : "Approve"}
              group="Plan"
              variant="filled"
              size="sm"
              run={send}
              loading={busy}
              data-testid="approve"
            />
          </div>
        </>
      ) : (
        <p className={classes.whoCan} data-testid="who-can">
          {second && plan.makerIsMe ? "Nobody approves what they made. " : "You may not approve this. "}
          {plan.whoCan && `Ask: ${plan.whoCan}.`}
        </p>
      )}
    </div>
  );
}
