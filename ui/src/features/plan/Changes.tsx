import type { PlannedChange } from "../../bindings/types";
import { Marked } from "../../shared/Marked";
import classes from "./Plan.module.css";

const orBlank = (text: string) => (text === "" ? <em>blank</em> : text);

/** Before → after, with the characters that change marked. */
export function Changes({ changes }: { changes: PlannedChange[] }) {
  if (changes.length === 0) return null;
  return (
    <table className={classes.changes}>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map((change) => (
          <tr key={change.field}>
            <th scope="row">{change.label}</th>
            <td>{change.before === "" ? orBlank("") : <Marked before={change.before} after={change.after} show="before" />}</td>
            <td>{change.after === "" ? orBlank("") : <Marked before={change.before} after={change.after} show="after" />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
