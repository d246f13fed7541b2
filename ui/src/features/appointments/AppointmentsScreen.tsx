import { NativeSelect } from "@mantine/core";
import { IconCalendar } from "@tabler/icons-react";
import { keepPreviousData } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { CalendarQuery, CalendarView } from "../../bindings/types";
import { useRead } from "../../data/useRead";
import { useHost } from "../../host/context";
import { KeyButton } from "../../keyboard/KeyButton";
import { useKeys } from "../../keyboard/useKeys";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { notifyDone, notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import shared from "../../shared/shared.module.css";
import { Waiting } from "../../shared/Waiting";
import { dayWords } from "../../words/time";
import { plural } from "../../words/words";
import { DayGrid } from "./DayGrid";
import { WeekTable } from "./WeekTable";

const GROUP = "Appointments";

/** Moves the focus from visit to visit, in the order they stand. */
function step(by: 1 | -1): void {
  const visits = [...document.querySelectorAll<HTMLElement>("[data-visit]")];
  const at = visits.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? (by > 0 ? 0 : visits.length - 1) : at + by;
  visits[next]?.focus();
}

function lead(view: CalendarView): string {
  const differ = view.visits.filter(({ visit }) => visit.status !== "agreed").length;
  const twice = view.visits.filter(({ doubleBooked }) => doubleBooked.length > 0).length;
  const parts = [plural(view.visits.length, "appointment"), differ > 0 && `${differ} not agreed`, twice > 0 && `${twice} double booked`, `times of ${view.zone}`];
  return parts.filter(Boolean).join(" · ");
}

/** Both systems' calendars as one: a day or a week, by clinician. */
export function AppointmentsScreen() {
  const search = useSearch({ from: "/appointments" });
  const navigate = useNavigate({ from: "/appointments" });
  const host = useHost();
  const query: CalendarQuery = { day: search.day ?? null, span: search.span ?? "day", clinician: search.clinician ?? null };
  const read = useRead("appointments.calendar", query, { placeholderData: keepPreviousData });
  const view = read.data;
  const go = (change: { day?: string | undefined; span?: "week" | undefined; clinician?: string | undefined }) =>
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)) });
  const save = async () => {
    try {
      const file = await host.call("appointments.export", query);
      notifyDone(`${plural(file.records, "appointment")} saved: ${await host.save(file)}`);
    } catch (thrown) {
      notifyFailure(thrown);
    }
  };
  useKeys([
    { key: "j", says: "Next appointment", group: GROUP, run: () => step(1) },
    { key: "k", says: "Appointment before", group: GROUP, run: () => step(-1) },
  ]);
  const first = view?.days[0];
  const last = view?.days.at(-1);
  const title = first && last ? (first === last ? dayWords(first.date) : `${first.title} to ${last.title}`) : "Appointments";
  const clinicians = view ? (search.clinician === undefined ? view.clinicians : [search.clinician]) : [];
  const names = view && search.clinician !== undefined && !view.clinicians.includes(search.clinician) ? [...view.clinicians, search.clinician] : (view?.clinicians ?? []);
  return (
    <Page
      testId="appointments"
      fill
      title={view ? title : "Appointments"}
      lead={view && <span data-testid="appointments-lead">{lead(view)}</span>}
      actions={
        <>
          <KeyButton shortcut="[" says="Earlier" group={GROUP} run={() => view && go({ day: view.previous })} disabled={!view} data-testid="earlier" />
          <KeyButton shortcut="t" says="Today" group={GROUP} run={() => go({ day: undefined })} data-testid="today" />
          <KeyButton shortcut="]" says="Later" group={GROUP} run={() => view && go({ day: view.next })} disabled={!view} data-testid="later" />
          <KeyButton
            shortcut="d"
            says="Day"
            group={GROUP}
            run={() => go({ span: undefined })}
            aria-pressed={query.span === "day"}
            variant={query.span === "day" ? "light" : "default"}
            data-testid="span-day"
          />
          <KeyButton
            shortcut="w"
            says="Week"
            group={GROUP}
            run={() => go({ span: "week" })}
            aria-pressed={query.span === "week"}
            variant={query.span === "week" ? "light" : "default"}
            data-testid="span-week"
          />
          <KeyButton shortcut="e" says="Save as .ics" group={GROUP} run={() => void save()} disabled={!view || view.visits.length === 0} title="For calendar programs" data-testid="save-ics" />
        </>
      }
    >
      {view?.off && <p className={shared.lead}>{view.off}</p>}
      {view === undefined ? (
        read.isPending ? (
          <Waiting what="Reading the calendar" lines={10} />
        ) : (
          <Failure thrown={read.error} again={() => void read.refetch()} />
        )
      ) : (
        <>
          {names.length > 0 && (
            <div className={shared.filters}>
              <NativeSelect
                size="xs"
                label="Clinician"
                value={search.clinician ?? "*"}
                onChange={({ currentTarget }) => go({ clinician: currentTarget.value === "*" ? undefined : currentTarget.value })}
                data={[{ value: "*", label: "All clinicians" }, ...names.map((name) => ({ value: name, label: name || "Nobody named" }))]}
                data-testid="clinician"
              />
              {view.leftOut > 0 && <span>{view.leftOut} more are not shown; choose a day or a clinician.</span>}
            </div>
          )}
          {view.visits.length === 0 ? (
            <Empty title={query.span === "day" ? "No appointments on this day" : "No appointments in this week"} icon={<IconCalendar size={28} aria-hidden="true" />}>
              {view.nextBusy ? (
                <button type="button" className={shared.linkButton} onClick={() => go({ day: view.nextBusy ?? undefined })} data-testid="next-busy">
                  The next are on {dayWords(view.nextBusy)}
                </button>
              ) : (
                "Appointments of both systems stand here once they are compared."
              )}
            </Empty>
          ) : query.span === "day" ? (
            <DayGrid clinicians={clinicians} visits={view.visits} />
          ) : (
            <WeekTable view={view} clinicians={clinicians} showDay={(day) => go({ day, span: undefined })} />
          )}
        </>
      )}
    </Page>
  );
}
