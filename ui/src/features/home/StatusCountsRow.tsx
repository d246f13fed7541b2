import { Link } from "@tanstack/react-router";
import type { PatientStatus, StatusCounts } from "../../bindings/types";
import { useMay } from "../../data/session";
import { PatientStatusWord } from "../../shared/Status";
import classes from "./Home.module.css";

export function StatusCountsRow({ counts }: { counts: StatusCounts }) {
  const may = useMay("see_patients");
  const parts: [PatientStatus, number][] = [
    ["agreed", counts.agreed],
    ["waiting", counts.waiting],
    ["differs", counts.differs],
    ["only_service_now", counts.onlyServiceNow],
    ["only_ehr", counts.onlyEhr],
  ];
  return (
    <section className={classes.card} aria-labelledby="counts-title">
      <h2 id="counts-title">Patients</h2>
      <ul className={classes.counts} data-testid="status-counts">
        {parts.map(([status, count]) => (
          <li key={status}>
            <strong>{count.toLocaleString("en")}</strong>
            {may ? (
              <Link to="/patients" search={{ status }}>
                <PatientStatusWord status={status} />
              </Link>
            ) : (
              <PatientStatusWord status={status} />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
