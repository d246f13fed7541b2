import { IconCheck, IconX } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { Candidate, CompareView, SameAnimal } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { useKeys } from "../../keyboard/useKeys";
import { Empty } from "../../shared/Empty";
import { notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { RemoteWord } from "../../shared/sides";
import { CandidateCard } from "./CandidateCard";
import classes from "./Compare.module.css";
import { CompareLead, CompareTitle } from "./CompareHead";
import { ConflictActions } from "./ConflictActions";

interface Asked {
  candidate: Candidate | null;
  answer: SameAnimal;
}

function title(asked: Asked, patient: string): string {
  if (!asked.candidate) return `${patient} is none of these`;
  return asked.answer === "same" ? `${patient} and ${asked.candidate.name} are the same animal` : `${patient} and ${asked.candidate.name} are not the same animal`;
}

/** "Are these the same animal?": the evidence for and against, and an answer that is remembered with its reason. */
export function Duplicate({ view, back }: { view: CompareView; back: ReactNode }) {
  const navigate = useNavigate();
  const may = useMay("link_patients");
  const { conflict, candidates } = view;
  const [at, setAt] = useState(0);
  const [asked, setAsked] = useState<Asked | null>(null);
  const answer = useAct("conflicts.answer", ["plans", "conflict", "conflicts"], (plan) => void navigate({ to: "/plans/$planId", params: { planId: plan.id } }));
  const busy = answer.isPending || conflict.status !== "open";
  const current = candidates[at];
  const focus = (index: number) => {
    const next = (index + candidates.length) % Math.max(1, candidates.length);
    setAt(next);
    document.getElementById(`candidate-${next}`)?.focus();
  };
  useKeys([
    ...["n", "j", "arrowdown"].map((key) => ({ key, says: "Next record", group: "Compare", run: () => focus(at + 1) })),
    ...["p", "k", "arrowup"].map((key) => ({ key, says: "Record before", group: "Compare", run: () => focus(at - 1) })),
  ]);
  const facts = view.agreeing.filter((field) => !field.serviceNow.blank || !field.ehr.blank);
  const ownRemote = candidates[0]?.remote === "ehr" ? "service_now" : "ehr";
  return (
    <Page
      testId="compare"
      title={<CompareTitle conflict={conflict} />}
      lead={<CompareLead conflict={conflict} />}
      actions={
        <>
          {back}
          <ConflictActions conflict={conflict} busy={busy} />
          {may && candidates.length > 0 && (
            <KeyButton
              shortcut="0"
              says="None of these"
              group="Compare"
              variant={candidates.some((candidate) => candidate.linkable) ? "default" : "filled"}
              disabled={busy}
              run={() => setAsked({ candidate: null, answer: "different" })}
              data-testid="none-of-these"
            />
          )}
        </>
      }
    >
      {!may && (
        <p className={classes.line} data-tone="quiet">
          You may look at this but not answer it. Ask: the front desk or an administrator.
        </p>
      )}
      {candidates.length === 0 ? (
        <Empty title="No record resembles it any more">The other record has changed or gone. The next comparison settles this.</Empty>
      ) : (
        <div className={classes.pair}>
          <section className={classes.subject} aria-label={`${conflict.patient}, the patient in question`}>
            <RemoteWord remote={ownRemote} />
            <h2>{conflict.patient}</h2>
            <dl>
              {facts.map((field) => (
                <div key={field.field}>
                  <dt>{field.label}</dt>
                  <dd>{ownRemote === "service_now" && !field.serviceNow.blank ? field.serviceNow.text : field.ehr.text || field.serviceNow.text}</dd>
                </div>
              ))}
            </dl>
          </section>
          <div className={classes.candidates}>
            {candidates.map((candidate, index) => (
              <CandidateCard key={candidate.patientId} id={`candidate-${index}`} candidate={candidate} current={index === at} enter={() => setAt(index)}>
                {may && index === at && (
                  <>
                    {candidate.linkable && (
                      <KeyButton
                        shortcut="1"
                        says="Same animal"
                        group="Compare"
                        disabled={busy}
                        leftSection={<IconCheck size={14} aria-hidden="true" />}
                        about={candidate.name}
                        run={() => setAsked({ candidate: current ?? null, answer: "same" })}
                        data-testid="same-animal"
                      />
                    )}
                    <KeyButton
                      shortcut="2"
                      says="Not the same animal"
                      group="Compare"
                      disabled={busy}
                      leftSection={<IconX size={14} aria-hidden="true" />}
                      about={candidate.name}
                      run={() => setAsked({ candidate: current ?? null, answer: "different" })}
                      data-testid="not-same-animal"
                    />
                  </>
                )}
              </CandidateCard>
            ))}
          </div>
        </div>
      )}
      {asked && (
        <ReasonDialog
          title={title(asked, conflict.patient)}
          label="How do you know?"
          act="See the plan"
          busy={answer.isPending}
          close={() => setAsked(null)}
          send={(reason) =>
            answer.mutate(
              { conflictId: conflict.id, candidatePatientId: asked.candidate?.patientId ?? null, answer: asked.answer, reason },
              {
                onError: (failure) => {
                  setAsked(null);
                  notifyFailure(failure);
                },
              },
            )
          }
        />
      )}
    </Page>
  );
}
