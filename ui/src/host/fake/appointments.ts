import type { CalendarQuery, CalendarView, CalendarVisit, TextFile, VisitPage } from "../../bindings/types";
import { agreeingField, shown } from "./patients";

const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "short", day: "numeric", month: "short" });
const DAY_MS = 86_400_000;
const two = (value: number): string => String(value).padStart(2, "0");
const clock = (minute: number): string => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const clinicians = ["Dr Haddad", "Dr Lee", "Dr Okonkwo"];
const animals = ["Bella", "Max", "Luna", "Charlie", "Milo", "Nala", "Oscar", "Simba"];
const kinds = ["check-up", "vaccination", "dental", "surgery"];

interface Change {
  id?: string;
  date?: string;
  beginsMinute?: number;
  minutes?: number;
  patient?: string;
  clinician?: string;
  about?: string;
}

/** An appointment on which both systems agree. */
export function calendarVisit({ id = "v", date = "2026-10-05", beginsMinute = 540, minutes = 30, patient = "Bella", clinician = "Dr Lee", about = "check-up" }: Change): CalendarVisit {
  const visit = { id, patient, clinician, about, begins: `${date} ${clock(beginsMinute)}:00`, stands: "confirmed", status: "agreed" as const, differing: [], waits: null };
  return { visit, date, begins: clock(beginsMinute), ends: minutes > 0 ? clock(beginsMinute + minutes) : null, beginsMinute, minutes, stage: "booked", conflictId: null, doubleBooked: [] };
}

/** Mondays to Fridays; one appointment is booked twice, one differs, one is called off. */
function dayOf(ms: number): CalendarVisit[] {
  const date = iso(ms);
  if ([0, 6].includes(new Date(ms).getUTCDay())) return [];
  const visits = clinicians.flatMap((clinician, who) =>
    Array.from({ length: 6 }, (_, at) =>
      calendarVisit({
        id: `v-${date}-${who}-${at}`,
        date,
        clinician,
        beginsMinute: 540 + at * 75 + who * 15,
        minutes: 15 * (1 + ((at + who) % 3)),
        patient: animals[(at * 3 + who + new Date(ms).getUTCDate()) % animals.length] ?? "Bella",
        about: kinds[(at + who) % kinds.length] ?? "check-up",
      }),
    ),
  );
  const [first, second, third] = visits;
  if (first && second && third) {
    third.stage = "cancelled";
    second.visit.status = "differs";
    second.visit.differing = ["Start"];
    second.conflictId = "c-phone";
    const twin = calendarVisit({ id: `v-${date}-twin`, date, clinician: first.visit.clinician, beginsMinute: first.beginsMinute + 10, minutes: 30, patient: "Rocky", about: "dental" });
    twin.doubleBooked = [`${first.visit.patient} at ${first.begins}`];
    first.doubleBooked = [`Rocky at ${twin.begins}`];
    visits.push(twin);
  }
  return visits;
}

export function calendar(query: CalendarQuery, now: number): CalendarView {
  const asked = query.day === null ? Date.parse(iso(now)) : Date.parse(query.day);
  const first = query.span === "day" ? asked : asked - ((new Date(asked).getUTCDay() + 6) % 7) * DAY_MS;
  const days = Array.from({ length: query.span === "day" ? 1 : 7 }, (_, at) => first + at * DAY_MS);
  const all = days.flatMap(dayOf);
  let after = first + days.length * DAY_MS;
  while (dayOf(after).length === 0) after += DAY_MS;
  return {
    zone: "UTC",
    span: query.span,
    today: iso(now),
    previous: iso(first - DAY_MS),
    next: iso(first + days.length * DAY_MS),
    days: days.map((ms) => ({ date: iso(ms), title: day.format(ms).replace(",", "") })),
    clinicians: all.length > 0 ? clinicians : [],
    visits: all.filter(({ visit }) => query.clinician === null || visit.clinician === query.clinician),
    leftOut: 0,
    nextBusy: iso(after),
    off: null,
  };
}

export function appointment(id: string): VisitPage | undefined {
  const date = /^v-(\d{4}-\d\d-\d\d)-/.exec(id)?.[1];
  const found = date ? dayOf(Date.parse(date)).find(({ visit }) => visit.id === id) : undefined;
  if (!found) return undefined;
  const { visit } = found;
  const side = { version: "3", changedAtMs: Date.now() - DAY_MS, changedBy: "front.desk", readAtMs: Date.now() - 60_000 };
  const start = agreeingField("appointment.appointment_date", "Start", visit.begins);
  return {
    visit,
    when: `${day.format(Date.parse(found.date)).replace(",", "")}, ${found.begins} to ${found.ends} (UTC)`,
    patientId: "p3",
    serviceNow: { remote: "service_now", key: "a1", ...side },
    ehr: { remote: "ehr", key: "a2", ...side },
    fields: [
      visit.status === "differs" ? { ...start, ehr: shown(visit.begins.replace(/\d\d:00$/, "45:00")), why: "both_changed" as const, sentence: "Start differs." } : start,
      agreeingField("appointment.assigned_clinician", "Clinician", visit.clinician),
      agreeingField("appointment.appointment_type", "Type", visit.about),
    ],
    findings: found.doubleBooked.map((twin) => ({
      field: "assigned_clinician",
      severity: "warning" as const,
      sentence: `The clinician has another appointment at the same time (${twin}).`,
      remotes: [],
    })),
    conflictId: found.conflictId,
    steps: [],
    timeline: [],
    linkedBy: "each other's number",
    version: null,
  };
}

export function exported(query: CalendarQuery, now: number): TextFile {
  const view = calendar(query, now);
  return { name: `appointments-${view.days[0]?.date}.ics`, text: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", records: view.visits.length };
}
