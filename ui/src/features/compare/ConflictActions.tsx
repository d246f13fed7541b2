import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { ConflictItem } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { SnoozeDialog } from "../../shared/SnoozeDialog";

/** Claim and snooze, alike on every kind of conflict. */
export function ConflictActions({ conflict, busy }: { conflict: ConflictItem; busy: boolean }) {
  const navigate = useNavigate();
  const [snoozing, setSnoozing] = useState(false);
  const claim = useAct("conflicts.claim", ["conflicts", "conflict"], (item) => notifyDone(item.claimedByMe ? "You work on it now; others see it." : "It is free again."));
  const [looked, setLooked] = useState(false);
  const seen = useAct("conflicts.seen", ["conflicts", "conflict", "home", "patient", "patients"], () => {
    notifyDone("Settled: it was looked at.");
    void navigate({ to: "/work" });
  });
  return (
    <>
      {(conflict.cause === "overwritten" || conflict.cause === "rule_broken") && conflict.status === "open" && conflict.mayDecide && (
        <KeyButton shortcut="y" says="It is right as it is" group="Compare" variant="filled" disabled={busy || seen.isPending} run={() => setLooked(true)} data-testid="seen" />
      )}
      {looked && (
        <ReasonDialog
          title="It is right as it is"
          label="What did you find? It stays in the audit trail."
          act="Settle it"
          busy={seen.isPending}
          close={() => setLooked(false)}
          send={(reason) => seen.mutate({ id: conflict.id, reason }, { onError: notifyFailure })}
        />
      )}
      <KeyButton
        shortcut="c"
        says={conflict.claimedByMe ? "Let go" : "Claim"}
        group="Compare"
        disabled={busy}
        run={() => claim.mutate({ id: conflict.id, claim: !conflict.claimedByMe }, { onError: notifyFailure })}
        data-testid="claim"
      />
      <KeyButton shortcut="s" says="Snooze" group="Compare" disabled={busy} run={() => setSnoozing(true)} data-testid="snooze" />
      {snoozing && <SnoozeDialog item={conflict} close={() => setSnoozing(false)} done={() => void navigate({ to: "/work" })} />}
    </>
  );
}
