import type { FieldView } from "../../bindings/types";
import { ShownValue } from "../../shared/ShownValue";
import { plural, ruleWords, sameWhyWords } from "../../words/words";
import classes from "./Compare.module.css";

/** Equal fields, folded: there to look at, out of the way. */
export function Agreeing({ fields, open = false }: { fields: FieldView[]; open?: boolean }) {
  if (fields.length === 0) return null;
  return (
    <details className={classes.agreeing} data-testid="agreeing" open={open}>
      <summary>
        {plural(fields.length, "field")} {fields.length === 1 ? "agrees" : "agree"}
      </summary>
      <dl>
        {fields.map((field) => (
          <div key={field.field}>
            <dt>{field.label}</dt>
            <dd>
              <ShownValue shown={field.serviceNow} />
              {field.ehr.raw !== null && field.ehr.raw !== field.serviceNow.text && <small>EHR writes “{field.ehr.raw}”</small>}
              {field.sameBecause && <small>the same because {sameWhyWords[field.sameBecause]}</small>}
              {field.rule && <small>{ruleWords[field.rule]}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
