import { IconLock, IconStack2 } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { type QueueSearch, queueStates } from "../../app/router";
import type { QueueCause, QueueCounts } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useAct, useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Chips } from "../../shared/Chips";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Listbox } from "../../shared/Listbox";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { ReasonDialog } from "../../shared/ReasonDialog";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { plural, remoteWords } from "../../words/words";
import { CauseBar } from "./CauseBar";
import { CauseRow, commonTo } from "./CauseRow";
import { OperationRow } from "./OperationRow";
import classes from "./Queue.module.css";
import { QueueTabs } from "./QueueTabs";
import { RemotesPanel } from "./RemotesPanel";
import { causeRows, laneRows, type QueueRow, queueRowPx } from "./rows";
import { useOperationActions } from "./useOperationActions";
import { useQueue } from "./useQueue";
import { WaitingPlans } from "./WaitingPlans";

/** A chip says how many it would show; nought is not worth a number. */
function stateChips(counts: QueueCounts | undefined): Record<keyof typeof queueStates, string> {
  const count: Partial<Record<keyof typeof queueStates, number>> = counts ? { ...counts, trying: counts.running + counts.retrying } : {};
  const chip = ([state, word]: [string, string]) => [state, count[state as keyof typeof queueStates] ? `${word} ${count[state as keyof typeof queueStates]?.toLocaleString("en")}` : word];
  return Object.fromEntries(Object.entries(queueStates).map(chip)) as Record<keyof typeof queueStates, string>;
}

export function QueueScreen() {
  const may = useMay("see_queue");
  if (may) return <Queue />;
  return (
    <Page title="Queue" testId="queue">
      <Empty title="The queue is looked after by IT or an administrator" icon={<IconLock size={28} aria-hidden="true" />}>
        It shows what VetSync still has to write and what was refused. Where a patient stands is on the patient’s own page.
      </Empty>
    </Page>
  );
}

function Queue() {
  const search = useSearch({ from: "/queue" });
  const navigate = useNavigate({ from: "/queue" });
  const mayEdit = useMay("edit_queue");
  const queue = useQueue(search);
  const causes = useRead("queue.causes", {}, { enabled: Boolean(search.group || search.cause), placeholderData: (before) => before });
  const [active, setActive] = useState<QueueRow | null>(null);
  const [replaying, setReplaying] = useState<QueueCause | null>(null);
  const item = active?.kind === "operation" ? active.item : null;
  const actions = useOperationActions(active?.kind === "operation" ? active.lane.patient : "");
  const replay = useAct("queue.replay", ["queue", "remotes", "home", "conflicts", "conflict"], (done) => {
    setReplaying(null);
    notifyDone(done.words);
  });

  const narrow = (change: { [K in keyof QueueSearch]?: QueueSearch[K] | undefined }, replace = true) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)), replace });
  const { hasNextPage, isFetching, fetchNextPage } = queue;
  const nearEnd = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);

  const { state, remote, cause: causeKey, patient } = search;
  const counts = queue.data?.counts;
  const filtered = Boolean(state || remote || causeKey || patient);
  const lanes = queue.data?.lanes;
  const allCauses = causes.data?.causes;
  const rows = useMemo(() => (search.group ? causeRows((allCauses ?? []).filter((one) => !remote || one.remote === remote)) : laneRows(lanes ?? [])), [search.group, allCauses, remote, lanes]);
  const chosen = allCauses?.find((one) => one.cause === causeKey);
  const open = (row: QueueRow) => {
    if (row.kind === "cause") narrow({ cause: row.cause.cause, group: undefined }, false);
    else void navigate({ to: "/queue/$operationId", params: { operationId: row.item.id } });
  };
  const unfinished = counts ? counts.waiting + counts.running + counts.retrying + counts.parked : 0;
  const pending = search.group ? causes.isPending : queue.isPending;
  const failed = search.group ? causes.error : queue.error;
  const again = () => void (search.group ? causes.refetch() : queue.refetch());
  return (
    <Page
      testId="queue"
      fill
      title="Queue"
      lead={
        <span data-testid="queue-total">
          {counts === undefined
            ? "Reading…"
            : unfinished === 0
              ? queue.data?.waitingPlansTotal
                ? "No write is under way"
                : "Nothing waits to be written"
              : `${plural(unfinished, "write")} unfinished${counts.parked > 0 ? `, ${counts.parked.toLocaleString("en")} of them ${counts.parked === 1 ? "needs" : "need"} an edit` : ""}`}
          {item?.whoCan && <span data-testid="who-can"> · To change anything here, ask {item.whoCan}.</span>}
        </span>
      }
      actions={
        <>
          {mayEdit && !search.group && (
            <>
              <KeyButton
                shortcut="e"
                says="Edit and resend"
                group="Queue"
                disabled={!item?.mayEdit}
                run={() => item && void navigate({ to: "/queue/$operationId", params: { operationId: item.id }, search: { edit: true } })}
                data-testid="edit"
              />
              <KeyButton shortcut="r" says="Retry now" group="Queue" disabled={!item?.mayRetry || actions.busy} run={() => item && actions.retry(item)} data-testid="retry" />
              <KeyButton shortcut="c" says="Cancel" group="Queue" disabled={!item?.mayCancel || actions.busy} run={() => item && actions.cancel(item)} data-testid="cancel" />
            </>
          )}
          {mayEdit && search.group && (
            <KeyButton shortcut="a" says="Replay in order" group="Queue" disabled={active?.kind !== "cause"} run={() => active?.kind === "cause" && setReplaying(active.cause)} data-testid="replay" />
          )}
          <KeyButton
            shortcut="x"
            says={search.group ? "Show one by one" : "Group by cause"}
            group="Queue"
            run={() => narrow({ group: search.group ? undefined : true, cause: undefined })}
            data-testid="group"
          />
        </>
      }
    >
      <QueueTabs writes={counts === undefined ? undefined : unfinished} />
      <RemotesPanel />
      {!search.group && queue.data && <WaitingPlans plans={queue.data.waitingPlans} total={queue.data.waitingPlansTotal} />}
      <div className={shared.filters}>
        {!search.group && <Chips label="Where it stands" options={stateChips(counts)} value={state} choose={(one) => narrow({ state: one })} />}
        <Chips label="System" options={remoteWords} value={remote} choose={(one) => narrow({ remote: one })} />
        {causeKey && <Chips label="Cause" options={{ [causeKey]: chosen ? commonTo(chosen) : "One cause" }} value={causeKey} choose={() => narrow({ cause: undefined })} />}
        {patient && <Chips label="Patient" options={{ [patient]: `Only ${lanes?.[0]?.patient ?? "one patient"}` }} value={patient} choose={() => narrow({ patient: undefined })} />}
      </div>
      {chosen && !search.group && <CauseBar cause={chosen} mayEdit={mayEdit} replay={() => setReplaying(chosen)} />}
      {pending ? (
        <Waiting what="Reading the queue" lines={8} />
      ) : failed ? (
        <Failure thrown={failed} again={again} />
      ) : rows.length === 0 ? (
        <Empty title={search.group ? "Nothing has failed" : filtered ? "No write matches" : "The queue is empty"} icon={<IconStack2 size={28} aria-hidden="true" />}>
          {search.group
            ? "Writes that fail for the same reason are gathered here, and can be sent again together in their original order."
            : filtered
              ? "Take away a filter to see more."
              : "What was decided and is still to be written to ServiceNow or the EHR stands here until the system has confirmed it."}
        </Empty>
      ) : (
        <Listbox
          id="queue-list"
          rows={rows}
          label="Queue"
          group="Queue"
          heightPx={queueRowPx}
          show={(row) => (row.kind === "cause" ? <CauseRow cause={row.cause} /> : <OperationRow row={row} />)}
          testId={(row) => (row.kind === "cause" ? "queue-cause" : "queue-row")}
          resetKey={JSON.stringify(search)}
          open={open}
          setActive={setActive}
          stale={queue.isPlaceholderData}
          nearEnd={nearEnd}
        />
      )}
      {actions.dialog}
      {replaying && (
        <ReasonDialog
          title={`Replay ${plural(replaying.count, "write")}`}
          label="Why will it work now? It stays in the audit trail."
          act={replaying.count === 1 ? "Replay it" : `Replay all ${replaying.count.toLocaleString("en")}`}
          busy={replay.isPending}
          close={() => setReplaying(null)}
          send={(reason) => replay.mutate({ cause: replaying.cause, reason }, { onError: notifyFailure })}
        >
          <p className={classes.dialogText}>
            {commonTo(replaying)}, in {remoteWords[replaying.remote]}. They are sent again unchanged, in the order in which they came.
          </p>
        </ReasonDialog>
      )}
    </Page>
  );
}
