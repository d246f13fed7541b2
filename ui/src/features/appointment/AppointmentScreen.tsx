import { useNavigate, useParams } from "@tanstack/react-router";
import { useMay } from "../../data/session";
import { useAct, useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { PatientStatusWord } from "../../shared/Status";
import { Waiting } from "../../shared/Waiting";
import { FieldsSideBySide } from "../patient/FieldsSideBySide";
import { Findings } from "../patient/Findings";
import classes from "../patient/Patient.module.css";
import { Timeline } from "../patient/Timeline";

const GROUP = "Appointment";

/** One appointment: what both systems say about it, what rules found, and what happened to it. */
export function AppointmentScreen() {
  const { appointmentId } = useParams({ from: "/appointments/$appointmentId" });
  const navigate = useNavigate();
  const page = useRead("appointments.get", { id: appointmentId });
  const maySync = useMay("sync_one");
  const mayDecide = useMay("see_conflicts");
  const mayQueue = useMay("see_queue");
  const sync = useAct("run.start", ["patient", "patients", "home", "runs"], () => notifyDone("Both systems are being compared for this appointment."));
  if (!page.data)
    return (
      <Page title="Appointment" testId="appointment">
        {page.isPending ? <Waiting what="Reading the appointment" lines={10} /> : <Failure thrown={page.error} again={() => void page.refetch()} />}
      </Page>
    );
  const { visit, when, patientId, conflictId, fields, serviceNow, ehr, findings, timeline, linkedBy } = page.data;
  const facts = [visit.about, visit.clinician && `with ${visit.clinician}`, when, visit.stands].filter(Boolean);
  return (
    <Page
      testId="appointment"
      title={
        <>
          {visit.patient || "Appointment of nobody named"}
          <small className={classes.state}>
            <PatientStatusWord status={visit.status} />
          </small>
        </>
      }
      lead={facts.join(" · ")}
      actions={
        <>
          {maySync && (
            <KeyButton
              shortcut="y"
              says="Sync this appointment"
              group={GROUP}
              run={() => sync.mutate({ patientId: appointmentId, planOnly: false }, { onError: notifyFailure })}
              loading={sync.isPending}
              data-testid="sync-one"
            />
          )}
          {mayQueue && visit.status === "waiting" && (
            <KeyButton shortcut="o" says="See it in the queue" group={GROUP} run={() => void navigate({ to: "/queue", search: { patient: appointmentId } })} data-testid="see-queue" />
          )}
          {patientId && <KeyButton shortcut="p" says="The patient" group={GROUP} run={() => void navigate({ to: "/patients/$patientId", params: { patientId } })} data-testid="open-patient" />}
          {conflictId && mayDecide && (
            <KeyButton shortcut="enter" says="Decide" group={GROUP} variant="filled" run={() => void navigate({ to: "/work/$conflictId", params: { conflictId } })} data-testid="open-conflict" />
          )}
        </>
      }
    >
      {visit.waits && (
        <p className={classes.waits} data-testid="waits">
          {visit.waits}
        </p>
      )}
      <div className={classes.columns}>
        <FieldsSideBySide fields={fields} serviceNow={serviceNow} ehr={ehr} />
        <div className={classes.side}>
          <Findings findings={findings} />
          <Timeline entries={timeline} about="appointment" />
          {linkedBy && <p className={classes.linked}>Known to be the same appointment by: {linkedBy}</p>}
        </div>
      </div>
    </Page>
  );
}
