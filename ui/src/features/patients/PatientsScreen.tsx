import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPaw, IconSearch } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { KeyHint } from "../../keyboard/KeyHint";
import { useKeys } from "../../keyboard/useKeys";
import { announce } from "../../shared/announce";
import { Chips } from "../../shared/Chips";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import shared from "../../shared/shared.module.css";
import { patientStatusWords, plural } from "../../words/words";
import { PatientGrid } from "./PatientGrid";
import { usePatientRows } from "./usePatientRows";

/** The address follows once nobody types: a navigation draws everything anew, which no letter should wait for. */
const ADDRESS_MS = 400;

export function PatientsScreen() {
  const { q, status } = useSearch({ from: "/patients" });
  const navigate = useNavigate({ from: "/patients" });
  const [text, setText] = useState(q ?? "");
  // Every letter asks: the engine answers within milliseconds, and each pause here is seen.
  const query = text.trim();
  const [sight, setSight] = useState({ first: 0, last: 40 });
  const input = useRef<HTMLInputElement>(null);
  const [settled] = useDebouncedValue(query, ADDRESS_MS);
  // Opening a patient right after typing must not be overtaken by the address following the letters.
  const leaving = useRef(false);
  const rows = usePatientRows(query, status ?? null, sight.first, sight.last);

  useEffect(() => input.current?.focus(), []);
  const follow = useCallback((typed: string) => navigate({ search: (before) => ({ ...(before.status ? { status: before.status } : {}), ...(typed ? { q: typed } : {}) }), replace: true }), [navigate]);
  useEffect(() => {
    if (settled !== (q ?? "") && !leaving.current) void follow(settled);
  }, [settled, q, follow]);
  useEffect(() => {
    if (!rows.stale) announce(`${plural(rows.total, "patient")} found.`);
  }, [rows.total, rows.stale]);
  useKeys([{ key: "/", says: "Search patients", group: "Patients", run: () => input.current?.select() }]);

  const open = useCallback(
    async (id: string) => {
      leaving.current = true;
      // The way back leads to what was found.
      if (query !== (q ?? "")) await follow(query);
      await navigate({ to: "/patients/$patientId", params: { patientId: id } });
    },
    [navigate, follow, query, q],
  );
  return (
    <Page
      testId="patients"
      fill
      title="Patients"
      lead={<span data-testid="patient-total">{rows.pending ? "Searching…" : `${rows.capped ? "more than " : ""}${plural(rows.total, "patient")}${query || status ? " found" : ""}`}</span>}
    >
      <div className={shared.filters}>
        <TextInput
          ref={input}
          className={shared.search}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            // The key that leads here is no part of a name.
            if (event.key === "/" && text === "") event.preventDefault();
            if (event.key === "ArrowDown" || event.key === "Enter") {
              event.preventDefault();
              const found = rows.row(0);
              if (event.key === "Enter" && found && rows.total === 1 && !rows.stale) void open(found.id);
              else document.getElementById("patient-grid")?.focus();
            }
          }}
          placeholder="Name, owner, phone, microchip or any number"
          aria-label="Search patients"
          leftSection={<IconSearch size={16} aria-hidden="true" />}
          rightSection={text === "" ? <KeyHint shortcut="/" /> : null}
          autoComplete="off"
          spellCheck={false}
          data-testid="patient-search"
        />
        <Chips
          label="Only patients that"
          options={patientStatusWords}
          value={status}
          choose={(next) => void navigate({ search: (before) => ({ ...(before.q ? { q: before.q } : {}), ...(next ? { status: next } : {}) }), replace: true })}
        />
      </div>
      {rows.error ? (
        <Failure thrown={rows.error} again={rows.again} />
      ) : !rows.pending && rows.total === 0 ? (
        query || status ? (
          <Empty title="No patient matches" icon={<IconPaw size={28} aria-hidden="true" />}>
            Try fewer letters, the owner's name, a phone number or the microchip{status ? ", or choose another status" : ""}.
          </Empty>
        ) : (
          <Empty title="No patients yet" icon={<IconPaw size={28} aria-hidden="true" />}>
            Patients appear here as soon as the first comparison has read them from ServiceNow and the EHR.
          </Empty>
        )
      ) : (
        <PatientGrid rows={rows} resetKey={`${query}|${status ?? ""}`} setSight={setSight} open={(id) => void open(id)} />
      )}
    </Page>
  );
}
