import { TextInput } from "@mantine/core";
import { KeyButton } from "../../keyboard/KeyButton";
import { useKeys } from "../../keyboard/useKeys";
import { announce } from "../../shared/announce";
import classes from "./Compare.module.css";

const savedWords = { nothing: "", saving: "saving your draft…", saved: "draft saved", failed: "draft not saved, VetSync will try again with your next choice" };

interface Props {
  decided: number;
  total: number;
  grade: number;
  saved: keyof typeof savedWords;
  reason: string;
  setReason: (reason: string) => void;
  /** Why there is no plan to see yet. */
  lacking: string | null;
  plan: () => void;
  busy: boolean;
}

/** Where the decisions stand, and the way to the plan; what is still lacking is said beside the button. */
export function PlanBar({ decided, total, grade, saved, reason, setReason, lacking, plan, busy }: Props) {
  useKeys(lacking ? [{ key: "v", says: "See the plan", group: "Compare", run: () => announce(lacking) }] : []);
  return (
    <div className={classes.bar} data-testid="plan-bar">
      <div className={classes.sofar}>
        <strong>
          {decided} of {total} decided
        </strong>
        <small>{savedWords[saved]}</small>
        {lacking && (
          <small id="plan-lacking" className={classes.lacking} data-testid="plan-lacking">
            {lacking}
          </small>
        )}
      </div>
      <TextInput
        className={classes.reason}
        size="xs"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        aria-label="Reason"
        placeholder={grade >= 4 ? "Reason, for the second person" : "Reason (if you like; it stays with the receipt)"}
        maxLength={500}
        data-testid="reason"
      />
      <KeyButton
        shortcut="v"
        says="See the plan"
        group="Compare"
        variant="filled"
        size="sm"
        run={plan}
        disabled={lacking !== null}
        aria-describedby={lacking ? "plan-lacking" : undefined}
        loading={busy}
        data-testid="make-plan"
      />
    </div>
  );
}
