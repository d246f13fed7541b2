import { IconAlertCircle, IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import type { FindingSeverity, FindingView } from "../../bindings/types";
import classes from "./Patient.module.css";

const icons = { error: IconAlertCircle, warning: IconAlertTriangle, note: IconInfoCircle } satisfies Record<FindingSeverity, unknown>;
const words = { error: "Cannot be right", warning: "Look at this", note: "Good to know" } satisfies Record<FindingSeverity, string>;
const systems = { service_now: "ServiceNow", ehr: "the EHR" } as const;

/** What business rules found in either record, in sentences, gravest first. */
export function Findings({ findings }: { findings: FindingView[] }) {
  if (findings.length === 0) return null;
  return (
    <section className={classes.findings} aria-label="What the rules found" data-testid="findings">
      <h2>Worth a look</h2>
      <ul>
        {findings.map((finding) => {
          const Icon = icons[finding.severity];
          return (
            <li key={finding.sentence} data-severity={finding.severity}>
              <Icon size={17} aria-hidden="true" />
              <div>
                <strong>{words[finding.severity]}</strong> {finding.remotes.length > 0 && <span>in {finding.remotes.map((remote) => systems[remote]).join(" and ")}</span>}
                <p>{finding.sentence}</p>
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
