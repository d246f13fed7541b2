import { IconAlertTriangle } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { CalendarVisit } from "../../bindings/types";
import { PatientStatusWord } from "../../shared/Status";
import { visitStageWords } from "../../words/words";
import classes from "./Appointments.module.css";

/** Stages that nobody waits for any more. */
const over = ["cancelled", "no_show", "entered_in_error"];

/** One visit: when, who, what for; what is not agreed, called off or booked twice is said in words. */
export function VisitLink({ visit }: { visit: CalendarVisit }) {
  const { status, patient, about, waits } = visit.visit;
  const off = visit.stage !== null && over.includes(visit.stage);
  const twice = visit.doubleBooked.join(", ");
  return (
    <Link
      to="/appointments/$appointmentId"
      params={{ appointmentId: visit.visit.id }}
      className={classes.visit}
      data-visit=""
      data-testid="visit"
      data-status={status}
      data-off={off}
      data-twice={twice !== ""}
      title={[`${visit.begins}${visit.ends ? ` to ${visit.ends}` : ""}`, patient, about, twice && `double booked with ${twice}`, waits].filter(Boolean).join(" · ")}
    >
      <span className={classes.line}>
        <time>{visit.begins}</time> <strong>{patient || "Nobody named"}</strong>
      </span>
      {(status !== "agreed" || off || twice !== "") && (
        <small>
          {twice !== "" && (
            <span className={classes.twice}>
              <IconAlertTriangle size={13} aria-hidden="true" /> double booked
            </span>
          )}
          {status !== "agreed" && <PatientStatusWord status={status} />}
          {off && visit.stage && <span>{visitStageWords[visit.stage]}</span>}
        </small>
      )}
      {status === "agreed" && <span className={classes.unseen}>, agreed</span>}
      <span className={classes.about}>{about}</span>
    </Link>
  );
}
