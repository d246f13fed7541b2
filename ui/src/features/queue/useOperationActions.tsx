import { type ReactNode, useState } from "react";
import type { QueueItem } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { ReasonDialog } from "../../shared/ReasonDialog";
import classes from "./Queue.module.css";

const CHANGED = ["queue", "remotes", "home", "conflicts", "conflict", "patient", "plans"] as const;

/** What can be done with one write, and the dialog that asks for a reason. */
export function useOperationActions(patient: string): { retry: (item: QueueItem) => void; cancel: (item: QueueItem) => void; busy: boolean; dialog: ReactNode } {
  const [cancelling, setCancelling] = useState<QueueItem | null>(null);
  const [retrying, setRetrying] = useState<QueueItem | null>(null);
  const retry = useAct("queue.retry", CHANGED, ({ item }) => {
    setRetrying(null);
    notifyDone(item.status === "cancelled" ? "It waited too long to create a record safely and was called off." : "It is on its way again.");
  });
  const cancel = useAct("queue.cancel", CHANGED, () => {
    setCancelling(null);
    notifyDone("Cancelled. What it would have changed stays different, and a person is asked about it.");
  });
  return {
    // What would be tried again by itself is only hastened; what was refused is sent against that refusal.
    retry: (item) => (item.status === "parked" ? setRetrying(item) : retry.mutate({ id: item.id, reason: null }, { onError: notifyFailure })),
    cancel: setCancelling,
    busy: retry.isPending || cancel.isPending,
    dialog: retrying ? (
      <ReasonDialog
        title={`Send this write for ${patient} again`}
        label="Why will it work now? It stays in the audit trail."
        act="Send it again"
        busy={retry.isPending}
        close={() => setRetrying(null)}
        send={(reason) => retry.mutate({ id: retrying.id, reason }, { onError: notifyFailure })}
      >
        <p className={classes.dialogText}>
          {retrying.sentence}. It was refused, and is sent again unchanged. {retrying.problem}
        </p>
      </ReasonDialog>
    ) : (
      cancelling && (
        <ReasonDialog
          title={`Cancel this write for ${patient}`}
          label="Why? Whoever decides about the patient next reads it."
          act="Cancel the write"
          busy={cancel.isPending}
          close={() => setCancelling(null)}
          send={(reason) => cancel.mutate({ id: cancelling.id, reason }, { onError: notifyFailure })}
        >
          <p className={classes.dialogText}>{cancelling.sentence}. This is not sent, nor is what the same plan would write after it. The two systems stay different until somebody decides.</p>
        </ReasonDialog>
      )
    ),
  };
}
