import { IconStethoscope } from "@tabler/icons-react";
import type { VisitRow } from "../../bindings/types";
import { PatientStatusWord } from "../../shared/Status";
import { Moment } from "../../shared/When";
import classes from "./Treatments.module.css";

/** When something is that the engine says in UTC; nothing where no system says. */
const atMs = (begins: string): number | null => (begins === "" ? null : Date.parse(`${begins.replace(" ", "T")}Z`));

/** One treatment: whose, what for, by whom, where it stands, and why. */
export function TreatmentRow({ row }: { row: VisitRow }) {
  const at = atMs(row.begins);
  return (
    <div className={classes.row}>
      <IconStethoscope size={18} aria-hidden="true" />
      <div>
        <strong>{row.patient || "Nobody named"}</strong>
        <small>{at === null ? "no date" : <Moment atMs={at} />}</small>
      </div>
      <div>
        <span>{row.about || "No diagnosis"}</span>
        <small>{row.clinician || "nobody named"}</small>
      </div>
      <div>
        <PatientStatusWord status={row.status} />
        <small>{row.waits ?? (row.differing.length > 0 ? `differs in ${row.differing.join(", ")}` : row.stands)}</small>
      </div>
    </div>
  );
}
