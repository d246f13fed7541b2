import type { ReceiptView } from "../../bindings/types";

export interface PlanReceipts {
  planId: string;
  patient: string;
  maker: string;
  atMs: number;
  sentence: string;
  verified: boolean;
  canUndo: boolean;
  /** Why nothing of it can be undone, where that is so. */
  notUndoableBecause: string | null;
  undone: boolean;
  receipts: ReceiptView[];
}

/** One decision, one line, though it may have written to both systems. Newest first, as they come. */
export function byPlan(receipts: readonly ReceiptView[]): PlanReceipts[] {
  const groups = new Map<string, ReceiptView[]>();
  for (const receipt of receipts) groups.set(receipt.planId, [...(groups.get(receipt.planId) ?? []), receipt]);
  return [...groups.entries()].flatMap(([planId, members]) => {
    const [first] = members;
    if (!first) return [];
    return [
      {
        planId,
        patient: first.patient,
        maker: first.maker,
        atMs: Math.max(...members.map((one) => one.atMs)),
        sentence: members.map((one) => one.sentence).join("; "),
        verified: members.every((one) => one.verified),
        canUndo: members.some((one) => one.canUndo),
        notUndoableBecause: members.some((one) => one.canUndo) ? null : [...new Set(members.map((one) => one.notUndoableBecause).filter(Boolean))].join(" ") || null,
        undone: members.some((one) => one.undoneBy !== null),
        receipts: members,
      },
    ];
  });
}
