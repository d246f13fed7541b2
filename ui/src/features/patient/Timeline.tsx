import { Link } from "@tanstack/react-router";
import type { TimelineEntry } from "../../bindings/types";
import { Moment } from "../../shared/When";
import classes from "./Patient.module.css";

export function Timeline({ entries, about }: { entries: TimelineEntry[]; about: string }) {
  return (
    <section className={classes.card} aria-labelledby="timeline-title">
      <h2 id="timeline-title">What happened</h2>
      {entries.length === 0 ? (
        <p className={classes.quiet}>Nothing yet. Every comparison, rule and decision about this {about} is listed here.</p>
      ) : (
        <ol className={classes.timeline} data-testid="timeline">
          {entries.map((entry) => (
            <li key={`${entry.atMs}-${entry.sentence}`}>
              <small>
                <Moment atMs={entry.atMs} /> · {entry.actor}
              </small>
              <span>
                {entry.sentence}{" "}
                {entry.planId && (
                  <Link to="/plans/$planId" params={{ planId: entry.planId }}>
                    Show what was written
                  </Link>
                )}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
