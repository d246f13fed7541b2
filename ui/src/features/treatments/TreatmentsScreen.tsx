import { IconStethoscope } from "@tabler/icons-react";
import { keepPreviousData } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Chips } from "../../shared/Chips";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Listbox } from "../../shared/Listbox";
import { Page } from "../../shared/Page";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { patientStatusWords, plural } from "../../words/words";
import { TreatmentRow } from "./TreatmentRow";
import { today, weekOf } from "./week";

const GROUP = "Treatments";
/** More of one week are not listed. */
const LISTED = 1_000;

/** The treatments of a week and where each stands on its way to the EHR, the newest first. */
export function TreatmentsScreen() {
  const search = useSearch({ from: "/treatments" });
  const navigate = useNavigate({ from: "/treatments" });
  const week = weekOf(search.week ?? today(Date.now()));
  const read = useRead("treatments.list", { status: search.status ?? null, from: week.from, until: week.until, clinician: null, offset: 0, limit: LISTED }, { placeholderData: keepPreviousData });
  const found = read.data?.rows;
  const rows = useMemo(() => [...(found ?? [])].reverse(), [found]);
  const go = (change: { week?: string | undefined; status?: typeof search.status }) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)) });
  const open = (row: { id: string }) => void navigate({ to: "/treatments/$treatmentId", params: { treatmentId: row.id } });
  const waiting = rows.filter(({ status }) => status !== "agreed").length;
  return (
    <Page
      testId="treatments"
      fill
      title="Treatments"
      lead={
        <span data-testid="treatments-lead">
          {week.title}
          {read.data && ` · ${plural(read.data.total, "treatment")}${waiting > 0 ? ` · ${waiting} not agreed` : ""}`}
        </span>
      }
      actions={
        <>
          <KeyButton shortcut="[" says="Earlier" group={GROUP} run={() => go({ week: week.previous })} data-testid="earlier" />
          <KeyButton shortcut="t" says="This week" group={GROUP} run={() => go({ week: undefined })} data-testid="today" />
          <KeyButton shortcut="]" says="Later" group={GROUP} run={() => go({ week: week.next })} data-testid="later" />
        </>
      }
    >
      <div className={shared.filters}>
        <Chips label="Where it stands" options={patientStatusWords} value={search.status} choose={(status) => go({ status })} />
      </div>
      {read.data === undefined ? (
        read.isPending ? (
          <Waiting what="Reading the treatments" lines={10} />
        ) : (
          <Failure thrown={read.error} again={() => void read.refetch()} />
        )
      ) : rows.length === 0 ? (
        <Empty title={search.status ? "No treatment of this week stands like that" : "No treatments in this week"} icon={<IconStethoscope size={28} aria-hidden="true" />}>
          What is documented in ServiceNow stands here once it is compared, with what it waits for. Treatments are synchronised where the settings say so under [servicenow.treatments].
        </Empty>
      ) : (
        <Listbox
          id="treatments-list"
          rows={rows}
          label="Treatments"
          group={GROUP}
          resetKey={`${week.from} ${search.status ?? ""}`}
          heightPx={(_row, narrow) => (narrow ? 140 : 62)}
          show={(row) => <TreatmentRow row={row} />}
          testId={() => "treatment-row"}
          open={open}
          setActive={() => undefined}
          stale={read.isPlaceholderData}
        />
      )}
    </Page>
  );
}
