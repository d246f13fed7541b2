import { Button } from "@mantine/core";
import { IconHandStop } from "@tabler/icons-react";
import { useState } from "react";
import type { BrakedRun } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import type { CallFailed } from "../../host/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { ReasonDialog } from "../../shared/ReasonDialog";
import { ColumnWord } from "../../shared/sides";
import { Moment } from "../../shared/When";
import { plural } from "../../words/words";
import classes from "./Home.module.css";

const FIRST = 5;

/** What would be written, by field and system, the gravest first. */
function Counts({ counts }: Pick<BrakedRun, "counts">) {
  const [all, setAll] = useState(false);
  const emptied = counts.some((count) => count.emptied > 0);
  const shown = all ? counts : counts.slice(0, FIRST);
  const number = (count: number) => (count === 0 ? "–" : count.toLocaleString("en"));
  return (
    <div className={classes.brakedCounts}>
      <table data-testid="braked-counts">
        <caption>What it would write</caption>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">
              <ColumnWord column="service_now" word="ServiceNow" />
            </th>
            <th scope="col">
              <ColumnWord column="ehr" word="EHR" />
            </th>
            {emptied && <th scope="col">of these emptied</th>}
          </tr>
        </thead>
        <tbody>
          {shown.map((count) => (
            <tr key={count.label}>
              <th scope="row">{count.label}</th>
              <td>{number(count.serviceNow)}</td>
              <td>{number(count.ehr)}</td>
              {emptied && <td data-emptied={count.emptied > 0}>{number(count.emptied)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {counts.length > shown.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setAll(true)} data-testid="braked-all">
          Show all {counts.length} fields
        </Button>
      )}
    </div>
  );
}

/** Where it stands between the two persons, and what one may do oneself. */
function Standing({ braked, act }: { braked: BrakedRun; act: () => void }) {
  const { maker, mayContinue, whoCan, onePerson, runUnderWay } = braked;
  const what = maker === null ? "Continue" : "Agree";
  return (
    <div className={classes.brakedStanding}>
      {maker !== null && (
        <p data-testid="braked-maker">
          <strong>{maker} asks to let exactly this go on.</strong> {braked.reason && `Reason: “${braked.reason}”`}
        </p>
      )}
      <p className={classes.small}>
        {maker === null && !onePerson ? "One administrator asks to let it go on, with a reason; another one agrees. " : ""}
        Before anything is written it is counted again. If it comes to another count by then, nothing is written and it is asked anew.
      </p>
      {mayContinue ? (
        <div className={classes.brakedActs}>
          <KeyButton
            shortcut={maker === null ? "c" : "a"}
            says={what}
            about="let the stopped comparison write what it counted"
            group="Home"
            variant="filled"
            size="sm"
            disabled={runUnderWay}
            aria-describedby={runUnderWay ? "braked-later" : undefined}
            run={act}
            data-testid={maker === null ? "braked-continue" : "braked-agree"}
          />
          {runUnderWay && (
            <span id="braked-later" className={classes.small}>
              A comparison is under way. When it has ended this can be decided.
            </span>
          )}
        </div>
      ) : (
        <p data-testid="who-can">
          {maker !== null && whoCan === "another administrator" ? "Nobody agrees to what they asked for themselves. " : `Only an administrator may ${what.toLowerCase()}. `}
          {whoCan && `Ask: ${whoCan}.`}
        </p>
      )}
    </div>
  );
}

/** A comparison that the brake stopped before its first write, until two persons let exactly that go on. */
export function Braked({ braked, again }: { braked: BrakedRun; again: () => void }) {
  const [asking, setAsking] = useState(false);
  const go = useAct("run.continue", ["runs", "home", "conflicts", "patients"], ({ run }) => {
    setAsking(false);
    notifyDone(run ? "It goes on: it is counted once more, then written." : "Asked. Another administrator has to agree before anything is written.");
  });
  const first = braked.maker === null;
  const patients = plural(braked.patients, "patient");
  const failed = (thrown: CallFailed) => {
    // What was on the screen is not there any more: it is read again, and the dialog's question with it.
    if (thrown.error.code === "moved") {
      setAsking(false);
      again();
    }
    notifyFailure(thrown);
  };
  return (
    <section className={classes.braked} aria-labelledby="braked-title" data-testid="braked">
      <div className={classes.brakedHead}>
        <IconHandStop size={22} aria-hidden="true" />
        <div>
          <h2 id="braked-title">{braked.words}</h2>
          <p className={classes.small}>
            <Moment atMs={braked.stoppedAtMs} /> · nothing has been written
          </p>
        </div>
      </div>
      {braked.recounted && (
        <p className={classes.brakedRecounted} role="status" data-testid="braked-recounted">
          {braked.recounted}
        </p>
      )}
      <div className={classes.brakedBody}>
        <Counts counts={braked.counts} />
        <Standing braked={braked} act={() => setAsking(true)} />
      </div>
      {asking && (
        <ReasonDialog
          title={first ? `Let ${patients} be changed` : `Agree that ${patients} are changed`}
          label={first ? (braked.onePerson ? "Why is this right? It stays in the audit trail." : "Why is this right? The second person reads it.") : "Anything to add? It stays in the audit trail."}
          act={first ? "Continue" : "Agree"}
          needed={first}
          busy={go.isPending}
          close={() => setAsking(false)}
          send={(reason) => go.mutate({ hash: braked.hash, reason: reason || null }, { onError: failed })}
        >
          <p className={classes.brakedAsk}>
            {braked.words} {!first && `${braked.maker} asks for it: “${braked.reason ?? ""}”.`}
          </p>
        </ReasonDialog>
      )}
    </section>
  );
}
