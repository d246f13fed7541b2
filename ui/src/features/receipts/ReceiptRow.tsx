import { IconAlertTriangle, IconArrowBackUp, IconCircleCheck } from "@tabler/icons-react";
import { Moment } from "../../shared/When";
import type { PlanReceipts } from "./byPlan";
import classes from "./Receipts.module.css";

export function ReceiptRow({ id, group, active, open, choose }: { id: string; group: PlanReceipts; active: boolean; open: boolean; choose: () => void }) {
  const Icon = group.undone ? IconArrowBackUp : group.verified ? IconCircleCheck : IconAlertTriangle;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list's keys do the same
    <div id={id} role="option" aria-selected={active} className={classes.rowItem} data-open={open} onClick={choose} data-testid="receipt-row">
      <strong>{group.patient}</strong>
      <small>
        <Moment atMs={group.atMs} /> · {group.maker}
      </small>
      <span>{group.sentence}</span>
      <span className={classes.verified} data-verified={group.verified}>
        <Icon size={14} aria-hidden="true" />
        {group.undone ? "Undone" : group.verified ? "Arrived as sent" : "Not stored as sent"}
      </span>
    </div>
  );
}
