import type { UseQueryResult } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { VisitPage } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useAct } from "../../data/useRead";
import type { CallFailed } from "../../host/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { PatientStatusWord } from "../../shared/Status";
import { Waiting } from "../../shared/Waiting";
import { capitalised } from "../../words/words";
import { FieldsSideBySide } from "../patient/FieldsSideBySide";
import { Findings } from "../patient/Findings";
import classes from "../patient/Patient.module.css";
import { Timeline } from "../patient/Timeline";
import { Steps } from "./Steps";

interface Props {
  kind: "appointment" | "treatment";
  id: string;
  page: UseQueryResult<VisitPage, CallFailed>;
}

/** One appointment or treatment: where it stands, what both systems say about it, what rules found, and what happened to it. */
export function Visit({ kind, id, page }: Props) {
  const navigate = useNavigate();
  const name = capitalised(kind);
  const maySync = useMay("sync_one");
  const mayDecide = useMay("see_conflicts");
  const mayQueue = useMay("see_queue");
  const sync = useAct("run.start", ["patient", "patients", "home", "runs"], () => notifyDone(`Both systems are being compared for this ${kind}.`));
  if (!page.data)
    return (
      <Page title={name} testId={kind}>
        {page.isPending ? <Waiting what={`Reading the ${kind}`} lines={10} /> : <Failure thrown={page.error} again={() => void page.refetch()} />}
      </Page>
    );
  const { visit, when, patientId, conflictId, fields, serviceNow, ehr, findings, steps, timeline, linkedBy } = page.data;
  const facts = [visit.about, visit.clinician && `with ${visit.clinician}`, when, visit.stands].filter(Boolean);
  return (
    <Page
      testId={kind}
      title={
        <>
          {visit.patient || `${name} of nobody named`}
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
              says={`Sync this ${kind}`}
              group={name}
              run={() => sync.mutate({ patientId: id, planOnly: false }, { onError: notifyFailure })}
              loading={sync.isPending}
              data-testid="sync-one"
            />
          )}
          {mayQueue && visit.status === "waiting" && (
            <KeyButton shortcut="o" says="See it in the queue" group={name} run={() => void navigate({ to: "/queue", search: { patient: id } })} data-testid="see-queue" />
          )}
          {patientId && <KeyButton shortcut="p" says="The patient" group={name} run={() => void navigate({ to: "/patients/$patientId", params: { patientId } })} data-testid="open-patient" />}
          {conflictId && mayDecide && (
            <KeyButton shortcut="enter" says="Decide" group={name} variant="filled" run={() => void navigate({ to: "/work/$conflictId", params: { conflictId } })} data-testid="open-conflict" />
          )}
        </>
      }
    >
      <Steps steps={steps} />
      {visit.waits && steps.length === 0 && (
        <p className={classes.waits} data-testid="waits">
          {visit.waits}
        </p>
      )}
      <div className={classes.columns}>
        <FieldsSideBySide fields={fields} serviceNow={serviceNow} ehr={ehr} />
        <div className={classes.side}>
          <Findings findings={findings} />
          <Timeline entries={timeline} about={kind} />
          {linkedBy && (
            <p className={classes.linked}>
              Known to be the same {kind} by: {linkedBy}
            </p>
          )}
        </div>
      </div>
    </Page>
  );
}
