import type { VisitPage, VisitQuery, VisitRow, VisitRows, VisitStep } from "../../bindings/types";
import { agreeingField, DAY_MS } from "./patients";

const animals = ["Bella", "Max", "Luna", "Charlie", "Milo", "Nala"];
const diagnoses = ["Otitis externa", "Dental tartar", "Gastroenteritis", "Healthy"];

/** Two treatments on each day but Sundays; one of them is not completed on Fridays, and lacks a diagnosis on Mondays. */
function dayOf(ms: number): VisitRow[] {
  const date = new Date(ms).toISOString().slice(0, 10);
  const weekday = new Date(ms).getUTCDay();
  if (weekday === 0) return [];
  return [0, 1].map((at) => {
    const unfinished = at === 1 && weekday === 5;
    const lacking = at === 1 && weekday === 1;
    return {
      id: `t-${date}-${at}`,
      patient: animals[(weekday * 2 + at) % animals.length] ?? "Bella",
      clinician: at === 0 ? "Dr Lee" : "Dr Haddad",
      about: lacking ? "" : (diagnoses[(weekday + at) % diagnoses.length] ?? "Healthy"),
      begins: `${date} ${at === 0 ? "09:30" : "14:15"}:00`,
      stands: "1. Examination",
      status: unfinished ? ("only_service_now" as const) : lacking ? ("differs" as const) : ("agreed" as const),
      differing: lacking ? ["Diagnosis"] : [],
      waits: unfinished ? "It is not completed in ServiceNow." : null,
    };
  });
}

export function treatments({ from, until, status }: VisitQuery): VisitRows {
  const rows: VisitRow[] = [];
  for (let ms = Date.parse(from ?? ""); ms < Date.parse(until ?? ""); ms += DAY_MS) rows.push(...dayOf(ms).filter((row) => status === null || row.status === status));
  return { rows, total: rows.length };
}

function stepsOf(row: VisitRow): VisitStep[] {
  const titles = ["Completed in ServiceNow", "Checked", "Patient known in both systems", "In the EHR", "Both agree"];
  const stops = row.waits ? 0 : row.about === "" ? 1 : titles.length;
  return titles.map((title, at) => ({
    title,
    state: at < stops ? "done" : at > stops ? "not_yet" : row.waits ? "waits" : "blocked",
    why: at === stops ? (row.waits ?? "Diagnosis is missing. Write it in ServiceNow.") : null,
  }));
}

export function treatment(id: string): VisitPage | undefined {
  const date = /^t-(\d{4}-\d\d-\d\d)-/.exec(id)?.[1];
  const visit = date ? dayOf(Date.parse(date)).find((row) => row.id === id) : undefined;
  if (!visit) return undefined;
  const side = { key: "e1", version: "1", changedAtMs: Date.parse(`${date}T15:00:00Z`), changedBy: "dr.lee", readAtMs: Date.now() - 60_000 };
  const inEhr = visit.status === "agreed";
  return {
    visit,
    when: `${visit.begins.slice(0, 16)} (UTC)`,
    patientId: "p3",
    serviceNow: { remote: "service_now", ...side },
    ehr: { remote: "ehr", ...(inEhr ? side : { key: null, version: null, changedAtMs: null, changedBy: null, readAtMs: null }) },
    fields: [agreeingField("treatment.diagnosis", "Diagnosis", visit.about), agreeingField("treatment.procedures_performed", "Procedures", "Examination", { editor: "long_text" })],
    findings: visit.about === "" ? [{ field: "diagnosis", severity: "error", sentence: "Diagnosis is missing. Write it in ServiceNow.", remotes: ["service_now"] }] : [],
    conflictId: null,
    steps: stepsOf(visit),
    timeline: [],
    linkedBy: inEhr ? "VetSync created it" : null,
    version: inEhr ? 1 : null,
  };
}
