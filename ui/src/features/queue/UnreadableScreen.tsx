import { IconFileCheck, IconLock } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import type { UnreadableSearch } from "../../app/router";
import { useMay } from "../../data/session";
import { KeyButton } from "../../keyboard/KeyButton";
import { Chips } from "../../shared/Chips";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Listbox } from "../../shared/Listbox";
import { Page } from "../../shared/Page";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { plural, quarantineStatusWords, remoteWords } from "../../words/words";
import { EntryCauseRow, EntryRow } from "./EntryRow";
import classes from "./Queue.module.css";
import { QueueTabs } from "./QueueTabs";
import { entryCauseRows, entryRows, queueRowPx, type EntryRow as Row } from "./rows";
import { useEntries } from "./useEntries";
import { useEntryActions } from "./useEntryActions";

/** What is open is shown without asking. */
const { open: _open, ...closedWords } = quarantineStatusWords;

export function UnreadableScreen() {
  const may = useMay("see_quarantine");
  if (may) return <Unreadable />;
  return (
    <Page title="Unreadable" testId="unreadable">
      <Empty title="What cannot be read is looked after by IT or an administrator" icon={<IconLock size={28} aria-hidden="true" />}>
        Messages and records that VetSync cannot read are kept there with their text, until somebody has mended them.
      </Empty>
    </Page>
  );
}

function Unreadable() {
  const search = useSearch({ from: "/queue/unreadable" });
  const navigate = useNavigate({ from: "/queue/unreadable" });
  const mayWork = useMay("work_quarantine");
  const entries = useEntries(search);
  const actions = useEntryActions();
  const [active, setActive] = useState<Row | null>(null);
  const item = active?.kind === "entry" ? active.item : null;
  const { status, remote, cause: causeKey, group } = search;

  const narrow = (change: { [K in keyof UnreadableSearch]?: UnreadableSearch[K] | undefined }, replace = true) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)), replace });
  const { hasNextPage, isFetching, fetchNextPage, data } = entries;
  const nearEnd = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const rows = useMemo(() => (group ? entryCauseRows((data?.causes ?? []).filter((one) => !remote || one.remote === remote)) : entryRows(data?.items ?? [])), [group, remote, data]);
  const chosen = data?.causes.find((one) => one.cause === causeKey);
  const isOpen = (status ?? "open") === "open";
  const filtered = Boolean(status || remote || causeKey);
  const open = (row: Row) => {
    if (row.kind === "cause") narrow({ cause: row.id, group: undefined, status: undefined }, false);
    else void navigate({ to: "/queue/unreadable/$entryId", params: { entryId: row.id } });
  };
  const allOpen = data?.causes.reduce((sum, one) => sum + one.open, 0) ?? 0;
  return (
    <Page
      testId="unreadable"
      fill
      title="Queue"
      lead={
        <span data-testid="unreadable-total">
          {data == null
            ? "Reading…"
            : `${allOpen === 0 ? "Everything that came in could be read" : `${plural(allOpen, "message or record", "messages and records")} cannot be read`}${data.eventsWaiting > 0 ? ` · ${plural(data.eventsWaiting, "message")} not looked into yet` : ""}`}
          {!mayWork && <span data-testid="who-can"> · To mend anything here, ask IT or an administrator.</span>}
        </span>
      }
      actions={
        <>
          {mayWork && !group && (
            <>
              <KeyButton
                shortcut="e"
                says="Edit"
                group="Unreadable"
                disabled={!item?.canEdit}
                run={() => item && void navigate({ to: "/queue/unreadable/$entryId", params: { entryId: item.id }, search: { edit: true } })}
                data-testid="edit"
              />
              <KeyButton shortcut="r" says="Replay" group="Unreadable" disabled={!item?.canReplay || actions.busy} run={() => item && actions.replay(item)} data-testid="replay-one" />
              <KeyButton shortcut="d" says="Dismiss" group="Unreadable" disabled={!item?.canDismiss || actions.busy} run={() => item && actions.dismiss(item)} data-testid="dismiss" />
            </>
          )}
          {mayWork && group && (
            <KeyButton
              shortcut="a"
              says="Replay all of it"
              group="Unreadable"
              disabled={active?.kind !== "cause" || actions.busy}
              run={() => active?.kind === "cause" && actions.replayAll(active.id)}
              data-testid="replay"
            />
          )}
          <KeyButton
            shortcut="x"
            says={group ? "Show one by one" : "Group by cause"}
            group="Unreadable"
            run={() => narrow({ group: group ? undefined : true, cause: undefined, status: undefined })}
            data-testid="group"
          />
        </>
      }
    >
      <QueueTabs writes={undefined} />
      <div className={shared.filters}>
        {!group && <Chips label="Where it stands" options={closedWords} value={status as keyof typeof closedWords | undefined} choose={(one) => narrow({ status: one })} />}
        <Chips label="System" options={remoteWords} value={remote} choose={(one) => narrow({ remote: one })} />
        {causeKey && <Chips label="Cause" options={{ [causeKey]: "One cause" }} value={causeKey} choose={() => narrow({ cause: undefined })} />}
      </div>
      {chosen && !group && isOpen && (
        <div className={classes.causeBar} data-testid="cause-bar">
          <p>
            <strong>{chosen.open.toLocaleString("en")} alike:</strong> {chosen.problem}
          </p>
          {mayWork && (
            <KeyButton
              shortcut="a"
              says={chosen.open === 1 ? "Replay it" : `Replay all ${chosen.open.toLocaleString("en")} in order`}
              group="Unreadable"
              disabled={actions.busy}
              run={() => actions.replayAll(chosen.cause)}
              data-testid="replay"
            />
          )}
        </div>
      )}
      {entries.isPending ? (
        <Waiting what="Reading what could not be read" lines={8} />
      ) : entries.error ? (
        <Failure thrown={entries.error} again={() => void entries.refetch()} />
      ) : rows.length === 0 ? (
        <Empty title={filtered ? "Nothing matches" : "Nothing is unreadable"} icon={<IconFileCheck size={28} aria-hidden="true" />}>
          {filtered ? "Take away a filter to see more." : "A message or a record that VetSync cannot read is kept here with its text, blocks nobody else, and can be edited and worked on again."}
        </Empty>
      ) : (
        <Listbox
          id="queue-list"
          rows={rows}
          label="Unreadable"
          group="Unreadable"
          heightPx={queueRowPx}
          show={(row) => (row.kind === "cause" ? <EntryCauseRow cause={row.cause} /> : <EntryRow item={row.item} />)}
          testId={(row) => (row.kind === "cause" ? "unreadable-cause" : "unreadable-row")}
          resetKey={JSON.stringify(search)}
          open={open}
          setActive={setActive}
          stale={entries.isPlaceholderData}
          nearEnd={nearEnd}
        />
      )}
      {actions.dialog}
    </Page>
  );
}
