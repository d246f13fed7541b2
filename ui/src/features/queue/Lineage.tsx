import { Link } from "@tanstack/react-router";
import type { LineageEntry } from "../../bindings/types";
import { Moment } from "../../shared/When";
import { queueStateWords } from "../../words/words";
import classes from "./Operation.module.css";

/** Which write took the place of which, oldest first. */
export function Lineage({ entries }: { entries: LineageEntry[] }) {
  return (
    <section className={classes.card} aria-labelledby="lineage-title">
      <h2 id="lineage-title">Edits</h2>
      {entries.length < 2 ? (
        <p className={classes.quiet}>It was never edited.</p>
      ) : (
        <ol className={classes.lineage} data-testid="lineage">
          {entries.map((entry, index) => (
            <li key={entry.id} aria-current={entry.this ? "step" : undefined}>
              <strong>
                {index === 0 ? "First" : `Edit ${index}`} by {entry.maker}
              </strong>
              <small>
                <Moment atMs={entry.enqueuedAtMs} />
              </small>
              {entry.reason && <p>“{entry.reason}”</p>}
              <p className={classes.quiet}>
                {queueStateWords[entry.status]}
                {entry.this ? (
                  " · this one"
                ) : (
                  <>
                    {" · "}
                    <Link to="/queue/$operationId" params={{ operationId: entry.id }}>
                      open it
                    </Link>
                  </>
                )}
              </p>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
