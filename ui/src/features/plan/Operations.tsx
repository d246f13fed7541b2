import type { OperationView } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { operationStatusWords, plural } from "../../words/words";
import classes from "./Plan.module.css";

/** Where each write stands right after approval. */
export function Operations({ operations }: { operations: OperationView[] }) {
  if (operations.length === 0) return null;
  return (
    <ul className={classes.operations} data-testid="operations">
      {operations.map((operation) => (
        <li key={operation.id}>
          <RemoteWord remote={operation.remote} /> {operationStatusWords[operation.status]}
          {operation.attempts > 1 && `, ${plural(operation.attempts, "try", "tries")}`}
          {operation.lastError && <span className={classes.wrong}> {operation.lastError}</span>}
        </li>
      ))}
    </ul>
  );
}
