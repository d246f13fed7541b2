import type { CalendarView } from "../../bindings/types";
import classes from "./Appointments.module.css";
import { VisitLink } from "./VisitLink";

interface Props {
  view: CalendarView;
  clinicians: readonly string[];
  /** A day alone. */
  showDay: (date: string) => void;
}

/** A week: a row for each clinician, a column for each day, and in each cell the visits in the order they begin. */
export function WeekTable({ view, clinicians, showDay }: Props) {
  return (
    <div className={classes.scroller}>
      <table className={classes.week} data-testid="week-table">
        <thead>
          <tr>
            <th scope="col">
              <span className={classes.unseen}>Clinician</span>
            </th>
            {view.days.map((day) => (
              <th key={day.date} scope="col" data-today={day.date === view.today}>
                <button type="button" onClick={() => showDay(day.date)} title="Show this day alone">
                  {day.title}
                  {day.date === view.today && <small> today</small>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {clinicians.map((clinician) => (
            <tr key={clinician}>
              <th scope="row">{clinician || "Nobody named"}</th>
              {view.days.map((day) => (
                <td key={day.date}>
                  <ol>
                    {view.visits
                      .filter(({ date, visit }) => date === day.date && visit.clinician === clinician)
                      .map((visit) => (
                        <li key={visit.visit.id}>
                          <VisitLink visit={visit} />
                        </li>
                      ))}
                  </ol>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
