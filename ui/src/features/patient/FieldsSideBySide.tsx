import { IconEqual, IconEqualNot } from "@tabler/icons-react";
import type { FieldView, PatientPage, Side } from "../../bindings/types";
import { ShownValue } from "../../shared/ShownValue";
import { ColumnWord, RemoteWord } from "../../shared/sides";
import { Moment } from "../../shared/When";
import { sameWhyWords } from "../../words/words";
import classes from "./Patient.module.css";

const differs = (field: FieldView): boolean => field.choices.length > 0 || field.why !== null;

function SideHead({ side }: { side: Side }) {
  return (
    <th scope="col">
      <RemoteWord remote={side.remote} />
      <small>
        {side.key === null ? (
          "no record here"
        ) : (
          <>
            {side.changedAtMs !== null && (
              <>
                changed <Moment atMs={side.changedAtMs} />
                {side.changedBy && ` by ${side.changedBy}`}
              </>
            )}
            {side.readAtMs !== null && (
              <>
                {" "}
                · read <Moment atMs={side.readAtMs} />
              </>
            )}
          </>
        )}
      </small>
    </th>
  );
}

export function FieldsSideBySide({ fields, serviceNow, ehr }: Pick<PatientPage, "fields" | "serviceNow" | "ehr">) {
  // Where one system has no record there is nothing to agree with.
  const both = serviceNow.key !== null && ehr.key !== null;
  return (
    <section className={classes.card} aria-labelledby="fields-title">
      <h2 id="fields-title">What both systems say</h2>
      <table className={classes.fields} data-testid="patient-fields">
        <thead>
          <tr>
            <th scope="col">
              <span className={classes.unseen}>Field</span>
            </th>
            <SideHead side={serviceNow} />
            <SideHead side={ehr} />
            <th scope="col">
              <ColumnWord column="last_agreed" />
            </th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field.field} data-differs={differs(field)}>
              <th scope="row">
                {field.label}
                {both && (
                  <small>
                    {differs(field) ? (
                      <>
                        <IconEqualNot size={13} aria-hidden="true" /> differs
                      </>
                    ) : (
                      <>
                        <IconEqual size={13} aria-hidden="true" /> agrees
                      </>
                    )}
                  </small>
                )}
              </th>
              <td>
                <ShownValue shown={field.serviceNow} />
              </td>
              <td>
                <ShownValue shown={field.ehr} against={differs(field) ? field.serviceNow : undefined} />
                {field.sameBecause && field.sameBecause !== "both_blank" && <small className={classes.because}>the same because {sameWhyWords[field.sameBecause]}</small>}
              </td>
              <td>
                <ShownValue shown={field.lastAgreed} quiet />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
