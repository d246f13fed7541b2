import type { AttemptView } from "../../bindings/types";
import { Moment } from "../../shared/When";
import { errorKindWords } from "../../words/words";
import classes from "./Operation.module.css";

/** Every try that failed, the latest first. */
export function Attempts({ attempts }: { attempts: AttemptView[] }) {
  return (
    <section className={classes.card} aria-labelledby="attempts-title">
      <h2 id="attempts-title">Tries that failed</h2>
      {attempts.length === 0 ? (
        <p className={classes.quiet}>None so far.</p>
      ) : (
        <ol className={classes.attempts} data-testid="attempts">
          {[...attempts].reverse().map((attempt) => (
            <li key={`${attempt.attempt}-${attempt.atMs}`}>
              <strong>
                Try {attempt.attempt}
                {attempt.kind && `: ${errorKindWords[attempt.kind]}`}
              </strong>
              <small>
                <Moment atMs={attempt.atMs} />
              </small>
              <p>{attempt.problem}</p>
              {attempt.ambiguous && <p className={classes.quiet}>It may have been carried out all the same; the next try looks before it writes.</p>}
              {!attempt.counted && <p className={classes.quiet}>It used up no try.</p>}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
