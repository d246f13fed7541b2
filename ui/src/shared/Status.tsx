import { IconAlertCircle, IconCircleCheck, IconClipboardList, IconClock, IconStethoscope, IconUser, IconUsers } from "@tabler/icons-react";
import type { PatientStatus } from "../bindings/types";
import { gradeWords, patientStatusWords } from "../words/words";
import classes from "./shared.module.css";

const statusIcons = { agreed: IconCircleCheck, waiting: IconClock, differs: IconAlertCircle, only_service_now: IconClipboardList, only_ehr: IconStethoscope };

/** Where a patient stands: colour, icon and word. */
export function PatientStatusWord({ status }: { status: PatientStatus }) {
  const Icon = statusIcons[status];
  return (
    <span className={classes.status} data-status={status}>
      <Icon size={15} aria-hidden="true" />
      {patientStatusWords[status]}
    </span>
  );
}

/** How many people a difference needs. */
export function GradeWord({ grade }: { grade: number }) {
  const Icon = grade >= 4 ? IconUsers : IconUser;
  return (
    <span className={classes.grade} data-grade={grade} title={`Grade ${grade}`}>
      <Icon size={14} aria-hidden="true" />
      {gradeWords(grade)}
    </span>
  );
}
