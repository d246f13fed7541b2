import { type ReactNode, useState } from "react";
import type { QuarantineItem, QuarantineReplayList } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { replayOutcomeWords } from "../../words/words";
import classes from "./Queue.module.css";

const CHANGED = ["quarantine", "patients", "patient", "home", "queue", "conflicts"] as const;

/** "3 are worked on again, 1 is no better than before." One alone has its own sentence. */
function cameOf({ entries }: QuarantineReplayList): string {
  const [only] = entries;
  if (entries.length === 1 && only) return only.sentence;
  const counts = new Map<keyof typeof replayOutcomeWords, number>();
  for (const { outcome } of entries) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return entries.length === 0 ? "Nothing is unreadable for this reason any more." : `${[...counts].map(([outcome, count]) => replayOutcomeWords[outcome](count)).join(", ")}.`;
}

interface Actions {
  replay: (item: QuarantineItem) => void;
  replayAll: (cause: string) => void;
  dismiss: (item: QuarantineItem) => void;
  busy: boolean;
  dialog: ReactNode;
}

/** What can be done with something unreadable, and the dialog that asks for a reason. */
export function useEntryActions(): Actions {
  const [dismissing, setDismissing] = useState<QuarantineItem | null>(null);
  const replay = useAct("quarantine.replay", CHANGED, (done) => notifyDone(cameOf(done)));
  const dismiss = useAct("quarantine.dismiss", CHANGED, () => {
    setDismissing(null);
    notifyDone("Dismissed. Its text is kept.");
  });
  return {
    replay: (item) => replay.mutate({ ids: [item.id], cause: null }, { onError: notifyFailure }),
    replayAll: (cause) => replay.mutate({ ids: [], cause }, { onError: notifyFailure }),
    dismiss: setDismissing,
    busy: replay.isPending || dismiss.isPending,
    dialog: dismissing && (
      <ReasonDialog
        title="Dismiss it unread"
        label="Why is it not needed? It stays in the audit trail."
        act="Dismiss it"
        busy={dismiss.isPending}
        close={() => setDismissing(null)}
        send={(reason) => dismiss.mutate({ id: dismissing.id, reason }, { onError: notifyFailure })}
      >
        <p className={classes.dialogText}>{dismissing.problem} It is closed without being worked on; its text is kept.</p>
      </ReasonDialog>
    ),
  };
}
