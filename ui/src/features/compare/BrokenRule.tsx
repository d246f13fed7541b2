import { IconAlertCircle } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { CompareView } from "../../bindings/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { Page } from "../../shared/Page";
import { Agreeing } from "./Agreeing";
import classes from "./Compare.module.css";
import { CompareLead, CompareTitle } from "./CompareHead";
import { ConflictActions } from "./ConflictActions";

/** Both systems agree, and what they agree on cannot be right: what is wrong, what it runs into, and the ways out. */
export function BrokenRule({ view, back }: { view: CompareView; back: ReactNode }) {
  const navigate = useNavigate();
  const { conflict, runsInto } = view;
  const open = (appointmentId: string) => void navigate({ to: "/appointments/$appointmentId", params: { appointmentId } });
  return (
    <Page
      testId="compare"
      title={<CompareTitle conflict={conflict} />}
      lead={<CompareLead conflict={conflict} />}
      actions={
        <>
          {back}
          <ConflictActions conflict={conflict} busy={conflict.status !== "open"} />
          <KeyButton shortcut="o" says="Open the appointment" group="Compare" run={() => open(conflict.patientId)} data-testid="open-appointment" />
        </>
      }
    >
      <div className={classes.notice} data-tone="warn" data-testid="broken-rule">
        <IconAlertCircle size={20} aria-hidden="true" />
        <div>
          <strong>Correct it in either system, and this question closes by itself</strong>
          <p>The change is carried to the other system as any other. If it is meant to be so, say that it is right as it is: you are asked again only when the appointment changes.</p>
          {runsInto.length > 0 && (
            <ul aria-label="Appointments it runs into">
              {runsInto.map((visit) => (
                <li key={visit.id}>
                  <Link to="/appointments/$appointmentId" params={{ appointmentId: visit.id }}>
                    {visit.patient || "Nobody named"}
                  </Link>
                  , {[visit.when, visit.about].filter(Boolean).join(" · ")}
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
      <Agreeing fields={view.agreeing} open />
    </Page>
  );
}
