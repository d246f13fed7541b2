import { IconReceipt } from "@tabler/icons-react";
import type { ReceiptView } from "../../bindings/types";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Waiting } from "../../shared/Waiting";
import { ReceiptCard } from "./ReceiptCard";
import classes from "./Receipts.module.css";

const POLL_MS = 1_000;

interface Props {
  planId: string;
  expected: number;
  waiting: boolean;
  mayUndo: boolean;
  undo: (planId: string) => void;
  undoing: boolean;
}

/** The receipts of one plan, as they come in. */
export function ReceiptCards({ planId, expected, waiting, mayUndo, undo, undoing }: Props) {
  const list = useRead(
    "receipts.list",
    { patientId: null, planId, offset: 0, limit: 50 },
    { staleTime: 0, refetchInterval: (query) => (waiting && (query.state.data?.receipts.length ?? 0) < expected ? POLL_MS : false) },
  );
  if (list.isPending) return <Waiting what="Reading the receipts" lines={3} />;
  if (!list.data) return <Failure thrown={list.error} again={() => void list.refetch()} />;
  const receipts: ReceiptView[] = list.data.receipts;
  if (receipts.length === 0) {
    return expected === 0 ? (
      <Empty title="Nothing was written" icon={<IconReceipt size={28} aria-hidden="true" />}>
        This decision needed no write, so it has no receipt.
      </Empty>
    ) : (
      <Empty title="On its way" icon={<IconReceipt size={28} aria-hidden="true" />}>
        The receipt appears here as soon as the systems have answered and the values are read back.
      </Empty>
    );
  }
  const canUndo = mayUndo && receipts.some((receipt) => receipt.canUndo);
  return (
    <>
      <ol className={classes.cards} data-testid="receipts">
        {receipts.map((receipt) => (
          <ReceiptCard key={receipt.operationId} receipt={receipt} />
        ))}
      </ol>
      {canUndo && (
        <div className={classes.undoLine}>
          <p>Undo makes a new plan that puts the old values back. You see it first.</p>
          <KeyButton shortcut="u" says="Undo" group="Receipts" run={() => undo(planId)} loading={undoing} data-testid="undo" />
        </div>
      )}
    </>
  );
}
