import { IconAlertCircle, IconAlertTriangle, IconShieldCheck } from "@tabler/icons-react";
import type { PatientPage } from "../../bindings/types";
import { Moment } from "../../shared/When";
import classes from "./Patient.module.css";

/** May a clinician rely on this record? Allergies first, for they are what harms. */
export function TrustCard({ page }: { page: PatientPage }) {
  const allergies = page.fields.find((field) => field.editor === "substances");
  const disputed = allergies && allergies.choices.length > 0;
  const Icon = page.trusted ? IconShieldCheck : IconAlertCircle;
  const sides = allergies ? [allergies.serviceNow, allergies.ehr] : [];
  const named = [...new Set(sides.flatMap((side) => (side.items.length > 0 ? side.items : side.blank ? [] : [side.text])))];
  // "No known allergies" is something recorded, but nothing to fear.
  const harmful = named.some((name) => !/^no known/i.test(name));
  const trust = /[.!?]$/.test(page.trust) ? page.trust : `${page.trust}.`;
  return (
    <section className={classes.trust} data-trusted={page.trusted} aria-label="May this record be trusted?" data-testid="trust-card">
      <div className={classes.allergies} data-any={harmful}>
        <IconAlertTriangle size={20} aria-hidden="true" />
        <div>
          <h2>Allergies</h2>
          <strong>{named.length > 0 ? named.join(", ") : "None recorded in either system"}</strong>
          {disputed && <p>The systems do not agree: treat every one of these as real until it is decided.</p>}
        </div>
      </div>
      <div className={classes.verdict}>
        <Icon size={22} aria-hidden="true" />
        <div>
          <h2>{page.trusted ? "This record can be trusted" : "Take care with this record"}</h2>
          <p>
            {trust}
            {page.agreedAtMs !== null && (
              <>
                {" "}
                Last agreed <Moment atMs={page.agreedAtMs} />.
              </>
            )}
          </p>
        </div>
      </div>
    </section>
  );
}
