import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { GradeWord } from "../../shared/Status";
import { causeWords } from "../../words/words";
import type { WorkRow } from "./grouping";
import classes from "./Work.module.css";

export function GroupRow({ row }: { row: Extract<WorkRow, { kind: "group" }> }) {
  const first = row.items[0];
  const Icon = row.open ? IconChevronDown : IconChevronRight;
  return (
    <div className={classes.group}>
      <Icon size={16} aria-label={row.open ? "open" : "closed"} />
      <strong>{row.items.length} alike</strong>
      <span>
        {first && causeWords[first.cause]}: {first?.fieldLabels.join(", ")}
      </span>
      {first && <GradeWord grade={first.grade} />}
    </div>
  );
}
