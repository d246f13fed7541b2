import type { CalendarVisit } from "../../bindings/types";
import classes from "./Appointments.module.css";
import { hoursOf, lasting, placed } from "./layout";
import { VisitLink } from "./VisitLink";

/** A quarter of an hour holds two lines. */
const HOUR_PX = 168;
const px = (minutes: number): number => (minutes / 60) * HOUR_PX;
const clock = (hour: number): string => `${String(hour % 24).padStart(2, "0")}:00`;

/** Narrower ones can neither be read nor hit. */
const COLUMN_PX = 118;
const LANE_PX = 64;

interface Props {
  clinicians: readonly string[];
  visits: readonly CalendarVisit[];
}

/** A day: a column for each clinician, and time from top to bottom. */
export function DayGrid({ clinicians, visits }: Props) {
  const { first, last } = hoursOf(visits);
  const hours = Array.from({ length: last - first }, (_, at) => first + at);
  const columns = clinicians.map((clinician) => {
    const own = placed(visits.filter(({ visit }) => visit.clinician === clinician));
    // Where many stand side by side the column grows, and the day is scrolled sideways.
    return { clinician, own, widthPx: Math.max(COLUMN_PX, ...own.map(({ lanes }) => lanes * LANE_PX)) };
  });
  return (
    <div className={classes.scroller}>
      <div className={classes.day} style={{ gridTemplateColumns: `52px ${columns.map(({ widthPx }) => `minmax(${widthPx}px, 1fr)`).join(" ")}` }} data-testid="day-grid">
        <div className={classes.hours} aria-hidden="true">
          <div className={classes.head} />
          {hours.map((hour) => (
            <div key={hour} className={classes.hour} style={{ height: HOUR_PX }}>
              {clock(hour)}
            </div>
          ))}
        </div>
        {columns.map(({ clinician, own }) => {
          const name = clinician || "Nobody named";
          return (
            <section key={clinician} className={classes.column} aria-label={`${name}: ${own.length}`}>
              <h2 className={classes.head}>{name}</h2>
              <ol style={{ height: px((last - first) * 60), backgroundSize: `100% ${HOUR_PX}px` }}>
                {own.map(({ visit, lane, lanes }) => (
                  <li
                    key={visit.visit.id}
                    style={{
                      top: px(visit.beginsMinute - first * 60),
                      height: px(lasting(visit)) - 2,
                      left: `${(lane / lanes) * 100}%`,
                      width: `${100 / lanes}%`,
                    }}
                  >
                    <VisitLink visit={visit} />
                  </li>
                ))}
              </ol>
            </section>
          );
        })}
      </div>
    </div>
  );
}
