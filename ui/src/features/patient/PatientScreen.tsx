import { IconLink } from "@tabler/icons-react";
import { Navigate, useNavigate, useParams } from "@tanstack/react-router";
import { useMay } from "../../data/session";
import { useAct, useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { SpeciesIcon } from "../../shared/Species";
import { PatientStatusWord } from "../../shared/Status";
import { Waiting } from "../../shared/Waiting";
import { capitalised } from "../../words/words";
import { FieldsSideBySide } from "./FieldsSideBySide";
import { Findings } from "./Findings";
import classes from "./Patient.module.css";
import { RawRecords } from "./RawRecords";
import { Timeline } from "./Timeline";
import { TrustCard } from "./TrustCard";

export function PatientScreen() {
  const { patientId } = useParams({ from: "/patients/$patientId" });
  const navigate = useNavigate();
  const page = useRead("patients.get", { id: patientId });
  const mayVerify = useMay("verify_patient");
  const maySync = useMay("sync_one");
  const mayDecide = useMay("see_conflicts");
  const mayRaw = useMay("see_raw");
  const mayQueue = useMay("see_queue");
  const verify = useAct("patients.verify", ["patient", "patients"], (now) => notifyDone(now.trust));
  const sync = useAct("run.start", ["patient", "patients", "home", "runs"], () => notifyDone("Both systems are being compared for this patient."));
  if (page.isPending)
    return (
      <Page title="Patient" testId="patient">
        <Waiting what="Reading the patient" lines={12} />
      </Page>
    );
  if (!page.data)
    return (
      <Page title="Patient" testId="patient">
        <Failure thrown={page.error} again={() => void page.refetch()} />
      </Page>
    );
  const { kind, patient, conflictId } = page.data;
  if (kind === "appointment") return <Navigate to="/appointments/$appointmentId" params={{ appointmentId: patientId }} replace />;
  if (kind === "treatment") return <Navigate to="/treatments/$treatmentId" params={{ treatmentId: patientId }} replace />;
  const facts = [capitalised(patient.species), patient.breed, patient.born && `born ${patient.born}`, patient.owner, patient.phone, patient.chip && `chip ${patient.chip}`].filter(Boolean);
  return (
    <Page
      testId="patient"
      title={
        <>
          <SpeciesIcon species={patient.species} size={22} />
          {patient.name}
          {patient.deceased && <small className={classes.deceased}>deceased</small>}
          <small className={classes.state}>
            <PatientStatusWord status={patient.status} />
          </small>
        </>
      }
      lead={facts.join(" · ")}
      actions={
        <>
          {mayVerify && (
            <KeyButton
              shortcut="v"
              says="Verify now"
              group="Patient"
              title="Reads both systems this moment"
              run={() => verify.mutate({ id: patientId }, { onError: notifyFailure })}
              loading={verify.isPending}
              data-testid="verify"
            />
          )}
          {maySync && (
            <KeyButton
              shortcut="y"
              says="Sync this patient"
              group="Patient"
              run={() => sync.mutate({ patientId, planOnly: false }, { onError: notifyFailure })}
              loading={sync.isPending}
              data-testid="sync-one"
            />
          )}
          {mayQueue && patient.status === "waiting" && (
            <KeyButton shortcut="o" says="See it in the queue" group="Patient" run={() => void navigate({ to: "/queue", search: { patient: patientId } })} data-testid="see-queue" />
          )}
          {conflictId && mayDecide && (
            <KeyButton shortcut="enter" says="Decide" group="Patient" variant="filled" run={() => void navigate({ to: "/work/$conflictId", params: { conflictId } })} data-testid="open-conflict" />
          )}
        </>
      }
    >
      <TrustCard page={page.data} />
      <div className={classes.columns}>
        <FieldsSideBySide fields={page.data.fields} serviceNow={page.data.serviceNow} ehr={page.data.ehr} />
        <div className={classes.side}>
          <Findings findings={page.data.findings} />
          <Timeline entries={page.data.timeline} about="patient" />
          {page.data.linkedBy && (
            <p className={classes.linked}>
              <IconLink size={15} aria-hidden="true" /> Known to be the same animal by: {page.data.linkedBy}
            </p>
          )}
        </div>
      </div>
      {mayRaw && <RawRecords id={patientId} />}
    </Page>
  );
}
