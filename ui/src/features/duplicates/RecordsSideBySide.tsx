import { IconEqual, IconEqualNot } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { DuplicateRecord, DuplicateView } from "../../bindings/types";
import { ShownValue } from "../../shared/ShownValue";
import { PatientStatusWord } from "../../shared/Status";
import { RemoteWord } from "../../shared/sides";
import { placeWords, plural } from "../../words/words";
import classes from "./Duplicates.module.css";

function Head({ record }: { record: DuplicateRecord }) {
  return (
    <th scope="col">
      <RemoteWord remote={record.remote} />
      <Link to="/patients/$patientId" params={{ patientId: record.patientId }}>
        {record.name || "No name"}
      </Link>
      <small>
        {record.key} · <PatientStatusWord status={record.status} />
      </small>
    </th>
  );
}

function Dependants({ view, ofOne }: { view: DuplicateView; ofOne: boolean }) {
  const counts = view.dependants.filter((count) => count.ofOne === ofOne);
  return (
    <td>
      {counts.length === 0
        ? "—"
        : counts.map((count) => (
            <div key={count.remote}>
              {plural(count.appointments, "appointment")} and {plural(count.treatments, "treatment")} in {placeWords[count.remote]}
            </div>
          ))}
    </td>
  );
}

/** Both records field by field, and what hangs on each. */
export function RecordsSideBySide({ view }: { view: DuplicateView }) {
  const { item } = view;
  const said = view.fields.filter(({ one, other }) => !one.blank || !other.blank);
  return (
    <section className={classes.card} aria-labelledby="records-title">
      <h2 id="records-title">Both records</h2>
      <table className={classes.fields} data-testid="duplicate-fields">
        <thead>
          <tr>
            <th scope="col">
              <span className={classes.unseen}>Field</span>
            </th>
            <Head record={item.one} />
            <Head record={item.other} />
          </tr>
        </thead>
        <tbody>
          {said.map((field) => (
            <tr key={field.field} data-differs={!field.same}>
              <th scope="row">
                {field.label}
                <small>
                  {field.same ? (
                    <>
                      <IconEqual size={13} aria-hidden="true" /> same
                    </>
                  ) : (
                    <>
                      <IconEqualNot size={13} aria-hidden="true" /> differs
                    </>
                  )}
                </small>
              </th>
              <td>
                <ShownValue shown={field.one} />
              </td>
              <td>
                <ShownValue shown={field.other} against={field.same ? undefined : field.one} />
              </td>
            </tr>
          ))}
          <tr data-testid="dependants">
            <th scope="row">Hangs on it</th>
            <Dependants view={view} ofOne={true} />
            <Dependants view={view} ofOne={false} />
          </tr>
        </tbody>
      </table>
    </section>
  );
}
