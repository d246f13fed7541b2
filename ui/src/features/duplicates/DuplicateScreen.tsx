import { IconArrowBackUp, IconCheck, IconClock, IconX } from "@tabler/icons-react";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { DuplicateView } from "../../bindings/types";
import { useAct, useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { Waiting } from "../../shared/Waiting";
import { placeWords } from "../../words/words";
import classes from "./Duplicates.module.css";
import { Evidence } from "./Evidence";
import { LaterDialog } from "./LaterDialog";
import { RecordsSideBySide } from "./RecordsSideBySide";
import { TierWord } from "./TierWord";

const GROUP = "Duplicate";

type Asked = "same" | "different" | "later";

export function DuplicateScreen() {
  const { duplicateId } = useParams({ from: "/duplicates/$duplicateId" });
  const read = useRead("duplicates.get", { id: duplicateId });
  const navigate = useNavigate();
  const back = (
    <KeyButton shortcut="escape" says="Back" group={GROUP} leftSection={<IconArrowBackUp size={14} aria-hidden="true" />} run={() => void navigate({ to: "/duplicates" })} data-testid="back" />
  );
  if (read.data) return <Answering key={read.data.item.id} view={read.data} back={back} />;
  return (
    <Page testId="duplicate" title="Duplicate" actions={back}>
      {read.isPending ? <Waiting what="Reading both records and counting what hangs on them" lines={10} /> : <Failure thrown={read.error} again={() => void read.refetch()} />}
    </Page>
  );
}

/** Two records, what speaks for and against it, what hangs on each, and the answer, remembered with its reason. */
function Answering({ view, back }: { view: DuplicateView; back: React.ReactNode }) {
  const { item, mayAnswer } = view;
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked | null>(null);
  const gone = (words: string) => () => {
    notifyDone(words);
    setAsked(null);
    void navigate({ to: "/duplicates" });
  };
  const pair = item.one.name === item.other.name ? `Both ${item.one.name}` : `${item.one.name} and ${item.other.name}`;
  const within = item.one.remote === item.other.remote;
  const link = useAct(
    "duplicates.link",
    ["conflicts", "conflict", "patients", "patient", "home"],
    gone(within ? `Remembered. Merge the two in ${placeWords[item.one.remote]}.` : `${item.one.name} is one patient now.`),
  );
  const distinct = useAct("duplicates.distinct", ["conflicts", "conflict", "patients", "patient", "home"], gone("Remembered: two animals."));
  const failed = (failure: unknown) => {
    setAsked(null);
    notifyFailure(failure);
  };
  const same = within ? "Same animal, to be merged" : "Link: same animal";
  const settled = item.state === "same";
  return (
    <Page
      testId="duplicate"
      title={
        <>
          {pair} <TierWord tier={item.tier} />
        </>
      }
      lead={
        <span data-testid="duplicate-lead">
          {item.askedAgain ?? `${item.points} points of evidence. Are these the same animal?`}
          {item.answeredBy && ` ${item.answeredBy} answered${item.reason ? `: “${item.reason}”` : "."}`}
        </span>
      }
      actions={
        <>
          {back}
          {mayAnswer && !settled && (
            <>
              {(item.linkable || within) && item.state !== "to_merge" && (
                <KeyButton shortcut="1" says={same} group={GROUP} leftSection={<IconCheck size={14} aria-hidden="true" />} run={() => setAsked("same")} data-testid="link" />
              )}
              {item.state !== "different" && (
                <KeyButton shortcut="2" says="Not the same animal" group={GROUP} leftSection={<IconX size={14} aria-hidden="true" />} run={() => setAsked("different")} data-testid="distinct" />
              )}
              {item.state === "open" && (
                <KeyButton shortcut="s" says="Later" group={GROUP} leftSection={<IconClock size={14} aria-hidden="true" />} run={() => setAsked("later")} data-testid="later" />
              )}
            </>
          )}
        </>
      }
    >
      {!mayAnswer && <p className={classes.quiet}>You may look at this but not answer it. Ask: the front desk or an administrator.</p>}
      {item.notLinkableBecause && (
        <p className={classes.notice} data-testid="not-linkable">
          {item.notLinkableBecause}
        </p>
      )}
      <Evidence item={item} />
      <RecordsSideBySide view={view} />
      <section className={classes.card} aria-labelledby="follows-title" data-testid="follows">
        <h2 id="follows-title">What an answer leads to</h2>
        <dl className={classes.follows}>
          <dt>Same animal</dt>
          <dd>{view.ifSame}</dd>
          <dt>Not the same animal</dt>
          <dd>{view.ifDifferent}</dd>
        </dl>
      </section>
      {asked === "later" && <LaterDialog item={item} close={() => setAsked(null)} done={gone("Put off.")} />}
      {(asked === "same" || asked === "different") && (
        <ReasonDialog
          title={asked === "same" ? `${pair}: the same animal` : `${pair}: not the same animal`}
          label="How do you know?"
          act={asked === "same" ? same : "Not the same animal"}
          busy={link.isPending || distinct.isPending}
          close={() => setAsked(null)}
          send={(reason) => (asked === "same" ? link : distinct).mutate({ id: item.id, reason }, { onError: failed })}
        >
          <p className={classes.quiet}>{asked === "same" ? view.ifSame : view.ifDifferent}</p>
        </ReasonDialog>
      )}
    </Page>
  );
}
