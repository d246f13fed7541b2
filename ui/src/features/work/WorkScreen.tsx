import { TextInput } from "@mantine/core";
import { IconListCheck, IconSearch } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useRef, useState } from "react";
import type { WorkSearch } from "../../app/router";
import type { ConflictItem } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { KeyHint } from "../../keyboard/KeyHint";
import { useKeys } from "../../keyboard/useKeys";
import { Chips } from "../../shared/Chips";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Listbox } from "../../shared/Listbox";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { SnoozeDialog } from "../../shared/SnoozeDialog";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { causeWords, conflictStatusWords, gradeWords, plural } from "../../words/words";
import { ConflictRow } from "./ConflictRow";
import { GroupRow } from "./GroupRow";
import { type WorkRow, workRowPx, workRows } from "./grouping";
import { useConflicts } from "./useConflicts";

const grades = { "4": gradeWords(4), "3": gradeWords(3) };
const statuses = { open: conflictStatusWords.open, awaiting_second: conflictStatusWords.awaiting_second, executing: conflictStatusWords.executing };
const { maybe_duplicate, fields_differ, vanished, cannot_create, rule_broken, not_stored, overwritten } = causeWords;
const causes = { fields_differ, maybe_duplicate, vanished, cannot_create, rule_broken, not_stored, overwritten };

export function WorkScreen() {
  const search = useSearch({ from: "/work" });
  const navigate = useNavigate({ from: "/work" });
  const conflicts = useConflicts(search);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState<ConflictItem | null>(null);
  const [snoozing, setSnoozing] = useState<ConflictItem | null>(null);
  const [text, setText] = useState(search.text ?? "");
  const input = useRef<HTMLInputElement>(null);
  const claim = useAct("conflicts.claim", ["conflicts", "conflict"], (item) => notifyDone(item.claimedByMe ? `You work on ${item.patient} now; others see it.` : `${item.patient} is free again.`));

  const narrow = (change: { [K in keyof WorkSearch]?: WorkSearch[K] | undefined }) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined && value !== "")), replace: true });
  useKeys([{ key: "/", says: "Search the work list", group: "Work list", run: () => input.current?.select() }]);

  const found = conflicts.data?.items;
  const items = found ?? [];
  const rows = useMemo(() => workRows(found ?? [], search.group ?? false, opened), [found, search.group, opened]);
  const mark = useCallback((row: WorkRow | null) => setActive(row?.kind === "conflict" ? row.item : null), []);
  const filtered = Boolean(search.text || search.grade || search.field || search.cause || search.status);
  const filteredToAlike = search.cause !== undefined && search.field !== undefined;
  const openConflict = (item: ConflictItem) => void navigate({ to: "/work/$conflictId", params: { conflictId: item.id } });
  const toggle = (key: string) => setOpened((before) => (before.has(key) ? new Set([...before].filter((one) => one !== key)) : new Set([...before, key])));
  const fieldLabel = search.field
    ? (items.flatMap((item) => item.fields.map((field, index) => [field, item.fieldLabels[index]] as const)).find(([field]) => field === search.field)?.[1] ?? search.field)
    : null;

  return (
    <Page
      testId="work"
      fill
      title="Work list"
      lead={<span data-testid="work-total">{conflicts.isPending ? "Reading…" : `${plural(conflicts.data?.total ?? 0, "conflict")} ${filtered ? "found" : "waiting for a person"}`}</span>}
      actions={
        <>
          <KeyButton
            shortcut="c"
            says={active?.claimedByMe ? "Let go" : "Claim"}
            group="Work list"
            disabled={!active}
            run={() => active && claim.mutate({ id: active.id, claim: !active.claimedByMe }, { onError: notifyFailure })}
            data-testid="claim"
          />
          <KeyButton shortcut="s" says="Snooze" group="Work list" disabled={!active} run={() => setSnoozing(active)} data-testid="snooze" />
          {active && active.alike > 1 && !filteredToAlike && (
            <KeyButton shortcut="o" says={`Only the ${active.alike} alike`} group="Work list" run={() => narrow({ cause: active.cause, field: active.fields[0] })} data-testid="alike" />
          )}
          <KeyButton shortcut="x" says={search.group ? "Show one by one" : "Group alike"} group="Work list" run={() => narrow({ group: search.group ? undefined : true })} data-testid="group" />
        </>
      }
    >
      <div className={shared.filters}>
        <TextInput
          ref={input}
          className={shared.search}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            narrow({ text: event.currentTarget.value });
          }}
          onKeyDown={(event) => {
            if (event.key === "/" && text === "") event.preventDefault();
            if (event.key !== "Enter" && event.key !== "ArrowDown") return;
            event.preventDefault();
            document.getElementById("work-list")?.focus();
          }}
          placeholder="Patient, owner or field"
          aria-label="Search the work list"
          leftSection={<IconSearch size={16} aria-hidden="true" />}
          rightSection={<KeyHint shortcut="/" />}
          autoComplete="off"
          spellCheck={false}
          data-testid="work-search"
        />
        <Chips
          label="How many people it needs"
          options={grades}
          value={search.grade ? (String(search.grade) as "3" | "4") : undefined}
          choose={(grade) => narrow({ grade: grade ? Number(grade) : undefined })}
        />
        <Chips label="Where it stands" options={statuses} value={search.status as keyof typeof statuses | undefined} choose={(status) => narrow({ status })} />
        <Chips label="Cause" options={causes} value={search.cause} choose={(cause) => narrow({ cause })} />
        {fieldLabel && <Chips label="Field" options={{ [search.field as string]: fieldLabel }} value={search.field as string} choose={() => narrow({ field: undefined })} />}
      </div>
      {conflicts.isPending ? (
        <Waiting what="Reading the work list" lines={10} />
      ) : conflicts.error ? (
        <Failure thrown={conflicts.error} again={() => void conflicts.refetch()} />
      ) : rows.length === 0 ? (
        <Empty title={filtered ? "No conflict matches" : "Nothing needs a person"} icon={<IconListCheck size={28} aria-hidden="true" />}>
          {filtered ? "Take away a filter to see more." : "When the two systems differ and no rule may settle it, the difference waits here for you."}
        </Empty>
      ) : (
        <Listbox
          id="work-list"
          rows={rows}
          label="Conflicts"
          group="Work list"
          resetKey={JSON.stringify(search)}
          heightPx={workRowPx}
          show={(row) => (row.kind === "group" ? <GroupRow row={row} /> : <ConflictRow item={row.item} inGroup={row.inGroup} />)}
          testId={(row) => (row.kind === "group" ? "work-group" : "work-row")}
          open={(row) => (row.kind === "group" ? toggle(row.key) : openConflict(row.item))}
          setActive={mark}
          stale={conflicts.isPlaceholderData}
        />
      )}
      {snoozing && <SnoozeDialog item={snoozing} close={() => setSnoozing(null)} />}
    </Page>
  );
}
