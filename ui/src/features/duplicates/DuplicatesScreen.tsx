import { TextInput } from "@mantine/core";
import { IconCopy, IconSearch } from "@tabler/icons-react";
import { keepPreviousData } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import type { DuplicatesSearch } from "../../app/router";
import { useRead } from "../../data/useRead";
import { KeyHint } from "../../keyboard/KeyHint";
import { useKeys } from "../../keyboard/useKeys";
import { Chips } from "../../shared/Chips";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Listbox } from "../../shared/Listbox";
import { Page } from "../../shared/Page";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { countWords, duplicateStateWords, duplicateTierWords, plural } from "../../words/words";
import { DuplicateRow } from "./DuplicateRow";

const GROUP = "Duplicates";
/** More at once are not listed: whoever looks for one narrows the list. */
const LISTED = 500;
const { open: _open, ...states } = duplicateStateWords;

/** Records that may be one animal, the gravest first. */
export function DuplicatesScreen() {
  const search = useSearch({ from: "/duplicates" });
  const navigate = useNavigate({ from: "/duplicates" });
  const [text, setText] = useState(search.text ?? "");
  const input = useRef<HTMLInputElement>(null);
  const read = useRead("duplicates.list", { text: search.text ?? "", tier: search.tier ?? null, state: search.state ?? null, offset: 0, limit: LISTED }, { placeholderData: keepPreviousData });
  const narrow = (change: { [K in keyof DuplicatesSearch]?: DuplicatesSearch[K] | undefined }) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined && value !== "")), replace: true });
  useKeys([{ key: "/", says: "Search the duplicates", group: GROUP, run: () => input.current?.select() }]);
  const list = read.data;
  const rows = list?.items ?? [];
  const filtered = Boolean(search.text || search.tier || search.state);
  return (
    <Page
      testId="duplicates"
      fill
      title="Duplicates"
      lead={
        <span data-testid="duplicates-lead">
          {list === undefined
            ? "Reading…"
            : `${countWords(list.contradictory)} contradictory · ${countWords(list.probable)} probable · ${countWords(list.possible)} possible${filtered ? ` · ${plural(list.total, "pair")} found` : ""}`}
        </span>
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
            document.getElementById("duplicates-list")?.focus();
          }}
          placeholder="Name, owner, phone or microchip"
          aria-label="Search the duplicates"
          leftSection={<IconSearch size={16} aria-hidden="true" />}
          rightSection={<KeyHint shortcut="/" />}
          autoComplete="off"
          spellCheck={false}
          data-testid="duplicates-search"
        />
        <Chips label="How likely" options={duplicateTierWords} value={search.tier} choose={(tier) => narrow({ tier })} />
        <Chips label="Where it stands" options={states} value={search.state as keyof typeof states | undefined} choose={(state) => narrow({ state })} />
      </div>
      {list === undefined ? (
        read.isPending ? (
          <Waiting what="Reading the duplicates" lines={10} />
        ) : (
          <Failure thrown={read.error} again={() => void read.refetch()} />
        )
      ) : rows.length === 0 ? (
        <Empty title={filtered ? "No two records like that" : "No two records look like one animal"} icon={<IconCopy size={28} aria-hidden="true" />}>
          {filtered
            ? "Take away a filter to see more."
            : "After each complete comparison, records of both systems and of either one that may be the same animal stand here for you. What is certain is linked by itself; litter mates are told apart by name and microchip."}
        </Empty>
      ) : (
        <Listbox
          id="duplicates-list"
          rows={rows}
          label="Duplicates"
          group={GROUP}
          resetKey={JSON.stringify(search)}
          heightPx={(_row, narrow) => (narrow ? 148 : 74)}
          show={(row) => <DuplicateRow item={row} />}
          testId={() => "duplicate-row"}
          open={(row) => void navigate({ to: "/duplicates/$duplicateId", params: { duplicateId: row.id } })}
          setActive={() => undefined}
          stale={read.isPlaceholderData}
        />
      )}
    </Page>
  );
}
