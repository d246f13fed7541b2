import type { ReportCell, ReportFile, ReportFormat, ReportQuery, ReportRow, ReportTable, ReportView, RunView } from "../../bindings/types";
import type { SampleConflict } from "./conflicts";

const zone = "America/New_York";
const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric" });
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const DAY_MS = 86_400_000;

const words = (text: string): ReportCell => ({ text, number: null });
const count = (number: number): ReportCell => ({ text: number.toLocaleString("en"), number });
const share = (part: number, whole: number): ReportCell => {
  const points = Math.floor((part * 10_000) / whole);
  return { text: `${(points / 100).toFixed(2)} %`, number: points / 100 };
};
const nothing: ReportCell = { text: "", number: null };
const row = (...cells: ReportCell[]): ReportRow => ({ cells, leadsTo: null, about: null, name: null });

function table(id: string, title: string, columns: [string, string, boolean][], rows: ReportRow[], empty: string): ReportTable {
  return { id, title, columns: columns.map(([column, heading, figures]) => ({ id: column, heading, figures })), rows, empty, leftOut: 0 };
}

/** The report of the sample clinic's one run. */
export function reportOfRun(run: RunView, conflicts: readonly SampleConflict[]): ReportView {
  const { counts } = run;
  const open = conflicts.filter(({ status }) => status !== "closed");
  return {
    id: run.id,
    title: `Daily reconciliation of ${day.format(run.startedAtMs).replace(",", "")}`,
    hospital: "Riverside Animal Hospital",
    subject: `02:00 to 02:01:14 (${zone}), asked for by daily reconciliation, done`,
    notes: ["Against the run before: 3 questions fewer, data accuracy 99.52 % after 99.41 %."],
    summary: [
      { id: "accuracy", label: "Data accuracy", value: share(98_830, 99_302), before: share(98_720, 99_302) },
      { id: "compared", label: "Compared", value: count(counts.compared), before: count(99_296) },
      { id: "equal", label: "Equal", value: count(counts.equal), before: count(98_790) },
      { id: "settled", label: "Fields settled by rule", value: count(counts.settled), before: count(377) },
      { id: "flagged", label: "Flagged for people", value: count(counts.conflicts), before: count(21) },
      { id: "writes_servicenow", label: "Writes to ServiceNow", value: count(counts.writesServicenow), before: count(190) },
      { id: "writes_ehr", label: "Writes to the EHR", value: count(counts.writesEhr), before: nothing },
    ],
    tables: [
      table(
        "kinds",
        "By kind of record",
        [
          ["kind", "Kind", false],
          ["compared", "Compared", true],
          ["equal", "Equal", true],
          ["accuracy", "Accuracy", true],
        ],
        [row(words("Patients"), count(counts.compared), count(counts.equal), share(98_830, 99_302))],
        "Nothing was compared.",
      ),
      table(
        "rules",
        "Settled by rule",
        [
          ["rule", "Because", false],
          ["fields", "Fields", true],
        ],
        [row(words("Only one system changed it since both agreed"), count(398)), row(words("The other system had nothing there"), count(14))],
        "No field was settled by rule.",
      ),
      table(
        "people",
        "Decided by people since the run before",
        [
          ["person", "Person", false],
          ["approved", "Plans approved", true],
          ["refused", "Plans refused", true],
        ],
        [row(words("Mara Quinn"), count(4), count(1))],
        "Nobody decided anything.",
      ),
      table(
        "open",
        "Still open",
        [
          ["question", "Question", false],
          ["cause", "Why it is asked", false],
          ["grade", "Grade", true],
        ],
        open.slice(0, 5).map(({ id, row: patient }) => ({ cells: [words(id), words("the systems differ"), count(3)], leadsTo: id, about: patient.id, name: patient.name })),
        "No question was open.",
      ),
      table("unreadable", "Could not be read", [["system", "System", false]], [], "Everything could be read."),
    ],
    period: null,
  };
}

/** Days of the sample clinic: one run each night. */
export function reportOfDays(request: ReportQuery, now: number): ReportView {
  const at = Date.parse(request.from ?? iso(now));
  const monday = at - ((new Date(at).getUTCDay() + 6) % 7) * DAY_MS;
  const first = request.span === "week" ? monday : request.span === "month" ? Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth(), 1) : at;
  const last = request.span === "week" ? first + 6 * DAY_MS : request.span === "month" ? Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth() + 1, 0) : at;
  const runs = first <= now && last >= now - DAY_MS ? 1 : 0;
  const name = first === last ? day.format(first) : `${day.format(first)} to ${day.format(last)}`;
  return {
    id: `${iso(first)} ${iso(last)}`,
    title: `Synchronisation, ${name.replaceAll(",", "")}`,
    hospital: "Riverside Animal Hospital",
    subject: `${name.replaceAll(",", "")} (${zone})`,
    notes: [runs > 0 ? "Data accuracy and what was open are as of the end of the last run." : "No run ended in these days, so nothing is known of how everything stood."],
    summary: [{ id: "runs", label: "Runs", value: count(runs), before: nothing }],
    tables: [
      table(
        "runs",
        "Runs",
        [
          ["began", "Began", false],
          ["outcome", "Outcome", false],
        ],
        runs > 0 ? [{ cells: [words(`${iso(now)} 02:00`), words("done")], leadsTo: "r0", about: null, name: null }] : [],
        "No run ended in these days.",
      ),
    ],
    period: { span: request.span, from: iso(first), to: iso(last), previous: iso(first - DAY_MS), next: iso(last + DAY_MS) },
  };
}

/** A file that stands for the real one. */
export function saved(report: ReportView, format: ReportFormat): ReportFile {
  return { name: `vetsync-${report.id}.${format}`, base64: btoa(report.id) };
}
