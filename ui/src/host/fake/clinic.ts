import type { Commands } from "../../bindings/commands";
import type {
  ApiError,
  Capability,
  ConflictItem,
  FieldChoice,
  FieldView,
  Home,
  Kind,
  MidServerView,
  News,
  NewsItem,
  PatientRow,
  Person,
  PlanView,
  Progress,
  ReceiptView,
  ReportQuery,
  ReportView,
  RunView,
  Session,
  StorageTrouble,
  Tag,
  WaitingPlan,
} from "../../bindings/types";
import { CallFailed } from "../types";
import { appointment, calendar, exported } from "./appointments";
import { SampleBrake } from "./brake";
import { openedAt, type SampleConflict, sampleConflicts } from "./conflicts";
import { SampleDuplicates } from "./duplicates";
import { agreeingFields, DAY_MS, PATIENTS, shown, syntheticPatient } from "./patients";
import { plannedWrites, receiptOf, undoPlan } from "./plans";
import { SampleQuarantine } from "./quarantine";
import { SampleQueue } from "./queue";
import { reportOfDays, reportOfRun, saved } from "./reports";
import { schedule } from "./schedule";
import { treatment, treatments } from "./treatments";

const fail = (code: ApiError["code"], message: string, wayOut: string, field: string | null = null): never => {
  throw new CallFailed({ code, message, wayOut, field });
};

const noDuplicate = () => fail("not_found", "One of the two records is not there any more.", "Go back to the list; the next comparison settles what is left.");

const people: Person[] = [
  { id: "desk", name: "Dana Whitfield", role: "front_desk" },
  { id: "vet", name: "Dr. Imre Lang", role: "clinician" },
  { id: "admin", name: "Mara Quinn", role: "admin" },
  { id: "chief", name: "Petra Holm", role: "admin" },
  { id: "it", name: "Theo Brandt", role: "it" },
];

const everyone: Capability[] = ["see_patients", "see_conflicts", "see_receipts", "switch_person"];
const queue: Capability[] = ["see_queue", "edit_queue", "control_remotes", "acknowledge_incidents"];
const admin: Capability[] = [
  ...everyone,
  "decide_demographic",
  "decide_clinical",
  "approve_second",
  "sync_one",
  "sync_all",
  "verify_patient",
  "undo",
  "link_patients",
  "see_raw",
  "see_quarantine",
  "work_quarantine",
  "see_reports",
  ...queue,
];
const may: Record<string, Capability[]> = {
  desk: [...everyone, "decide_demographic", "sync_one", "undo", "link_patients"],
  vet: [...everyone, "decide_clinical", "verify_patient", "undo"],
  admin,
  chief: admin,
  it: [...everyone, "see_reports", "see_raw", "see_quarantine", "work_quarantine", ...queue],
};

const clinical = new Set(["patient.allergies", "patient.species", "patient.gender", "patient.medical_notes"]);

type Answers = { [K in keyof Commands]: (request: Commands[K]["request"]) => Commands[K]["response"] };

/** A clinic in memory that follows the same rules of conduct as the engine, on invented data. */
export class SampleClinic {
  person = people[2] as Person;
  readonly conflicts = sampleConflicts();
  readonly plans = new Map<string, PlanView>();
  receipts: ReceiptView[] = [];
  readonly queue: SampleQueue;
  readonly quarantine: SampleQuarantine;
  readonly duplicates: SampleDuplicates;
  readonly brake: SampleBrake;
  private readonly drafts = new Map<string, FieldChoice[]>();
  private readonly snoozed = new Map<string, number>();
  private readonly versions = new Map<string, number>();
  /** Nothing can be stored, for as long as this is set. */
  storage: StorageTrouble | null = null;
  midServer: MidServerView | null = null;
  /** What happened to appointments, newest first. */
  newsItems: NewsItem[] = [];
  private seenUntilMs = 0;
  private run: RunView | null = null;
  private rows: PatientRow[] | null = null;
  private texts: string[] = [];
  private next = 1;

  constructor(
    private readonly changed: (tags: Tag[], id: string | null) => void,
    private readonly progress: (progress: Progress) => void,
  ) {
    const around = { person: () => this.person.name, may: (capability: Capability) => (may[this.person.id] ?? []).includes(capability), changed, fail };
    this.queue = new SampleQueue(around);
    this.quarantine = new SampleQuarantine(around);
    this.duplicates = new SampleDuplicates(around);
    this.brake = new SampleBrake(
      around,
      () => this.run?.status === "running",
      () => void this.startRun(null),
    );
    const chip = this.conflict("c-chip");
    const plan = this.draftPlan(chip, [{ field: "patient.microchip_id", choice: "take_ehr", own: null }], "The chip was replaced on 12 November; the card in the folder shows the new number.");
    plan.status = "awaiting_second";
    plan.maker = "Dana Whitfield";
    plan.makerIsMe = false;
    plan.moved = ["The EHR's record was saved again by Dr. Imre Lang; the microchip stayed as it was."];
  }

  commands: Answers = {
    "session.get": () => this.session(),
    "session.switch": ({ personId }) => {
      this.person = people.find((one) => one.id === personId) ?? this.person;
      this.changed(["session", "home", "runs", "conflicts", "conflict", "plans", "receipts", "patient", "queue", "remotes"], null);
      return this.session();
    },
    "home.get": () => this.home(),
    "run.start": ({ patientId }) => this.startRun(patientId),
    "run.get": () => {
      if (!this.run) return fail("not_found", "There is no such run any more.", "Go back to the list and look again.");
      return { run: this.run, toSettle: 0, plannedWritesServicenow: 0, plannedWritesEhr: 0, toCreate: 0, writesFailed: 0, vanished: 0 };
    },
    "runs.list": () => {
      const now = Date.now();
      const under = this.run?.status === "running" ? [{ run: this.run, standsFor: null }] : [];
      return { runs: [...under, { run: this.lastRun(now), standsFor: `for ${new Date(now).toISOString().slice(0, 10)}` }] };
    },
    "schedule.get": () => schedule(Date.now()),
    "reports.get": (request) => this.report(request),
    "reports.export": ({ report, format }) => saved(this.report(report), format),
    "appointments.calendar": (request) => calendar(request, Date.now()),
    "appointments.news": () => this.news(),
    "appointments.news_seen": ({ untilMs }) => {
      this.seenUntilMs = untilMs;
      return this.news();
    },
    "appointments.export": (request) => exported(request, Date.now()),
    "appointments.get": ({ id }) => appointment(id) ?? fail("not_found", "There is no such appointment any more.", "Look for it in the calendar."),
    "run.braked": () => ({ braked: this.brake.view() }),
    "run.continue": (request) => ({ run: this.brake.continue(request) ? this.run : null, braked: this.brake.view() }),
    "run.stop": () => {
      if (!this.run) return fail("not_found", "No run is under way.", "Start one.");
      this.run = { ...this.run, status: "stopped", endedAtMs: Date.now(), progress: null };
      this.changed(["runs", "home"], null);
      return this.run;
    },
    "patients.search": ({ query, status, offset, limit }) => {
      const started = performance.now();
      const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
      const all = this.allRows();
      const found = wanted.length === 0 && status === null ? all : all.filter((row, index) => (status === null || row.status === status) && wanted.every((word) => this.texts[index]?.includes(word)));
      return { rows: found.slice(offset, offset + limit), total: found.length, capped: false, tookMs: performance.now() - started };
    },
    "patients.get": ({ id }) => this.patient(id),
    "patients.verify": ({ id }) => ({ ...this.patient(id), agreedAtMs: Date.now() }),
    "patients.raw": ({ id }) => {
      const row = this.row(id);
      return {
        serviceNow: JSON.stringify({ sys_id: row.id, u_patient_name: row.name, u_species: row.species, u_owner_name: row.owner, u_owner_phone: row.phone }),
        ehr: JSON.stringify({ resourceType: "Patient", id: row.id, name: [{ text: row.name }], contact: [{ name: { text: row.owner } }] }),
      };
    },
    // No screen asks for it.
    "appointments.list": () => ({ rows: [], total: 0 }),
    "treatments.list": (request) => treatments(request),
    "treatments.get": ({ id }) => treatment(id) ?? fail("not_found", "There is no such treatment any more.", "Go back to the list and look again."),
    "duplicates.list": (query) => this.duplicates.list(query),
    "duplicates.get": ({ id }) => this.duplicates.view(id) ?? noDuplicate(),
    // No screen asks for it.
    "duplicates.between": () => noDuplicate(),
    "duplicates.link": ({ id, reason }) => this.duplicates.say(id, id.startsWith("ehr:") ? "to_merge" : "same", reason) ?? noDuplicate(),
    "duplicates.distinct": ({ id, reason }) => this.duplicates.say(id, "different", reason) ?? noDuplicate(),
    "duplicates.later": ({ id, untilMs, reason }) => this.duplicates.say(id, "later", reason, untilMs) ?? noDuplicate(),
    "conflicts.list": ({ text, grade, field, cause, status, offset, limit }) => {
      const wanted = text.toLowerCase();
      const items = this.conflicts
        .filter((one) => one.status !== "closed" && (this.snoozed.get(one.id) ?? 0) < Date.now())
        .map((one) => this.item(one))
        .filter(
          (one) =>
            (grade === null || one.grade === grade) &&
            (field === null || one.fields.includes(field)) &&
            (cause === null || one.cause === cause) &&
            (status === null || one.status === status) &&
            `${one.patient} ${one.owner} ${one.fieldLabels.join(" ")}`.toLowerCase().includes(wanted),
        )
        .sort((a, b) => b.grade - a.grade || a.openedAtMs - b.openedAtMs);
      return { items: items.slice(offset, offset + limit), total: items.length };
    },
    "conflicts.get": ({ id }) => {
      const conflict = this.conflict(id);
      const asked = new Set(conflict.fields.map((field) => field.field));
      return {
        conflict: this.item(conflict),
        ...this.sides(),
        fields: conflict.fields.map((field) => this.permitted(field)),
        agreeing: agreeingFields(conflict.row).filter((field) => !asked.has(field.field)),
        draft: this.drafts.get(id) ?? [],
        candidates: conflict.candidates,
        runsInto: conflict.runsInto ?? [],
        fingerprint: this.fingerprint(id),
      };
    },
    "conflicts.claim": ({ id, claim }) => {
      const conflict = this.conflict(id);
      conflict.claimedBy = claim ? this.person.name : null;
      this.changed(["conflicts", "conflict"], id);
      return this.item(conflict);
    },
    "conflicts.seen": ({ id, reason }) => {
      if (reason.trim() === "") fail("invalid", "This needs a reason.", "Write what you found when you looked.", "reason");
      const conflict = this.conflict(id);
      conflict.status = "closed";
      this.changed(["conflicts", "conflict", "home", "patient"], id);
      return this.item(conflict);
    },
    "conflicts.snooze": ({ id, untilMs, reason }) => {
      if (reason.trim() === "") fail("invalid", "A snooze needs a reason.", "Write why it can wait.", "reason");
      this.snoozed.set(id, untilMs ?? 0);
      this.changed(["conflicts", "home"], id);
      return this.item(this.conflict(id));
    },
    "conflicts.draft": ({ id, choices }) => {
      this.drafts.set(id, choices);
      return {};
    },
    "conflicts.answer": ({ conflictId, answer, candidatePatientId, reason }) => {
      const conflict = this.conflict(conflictId);
      const plan = this.draftPlan(conflict, [], reason);
      plan.writes =
        answer === "same"
          ? [
              {
                remote: "ehr",
                sentence: `Link ${conflict.row.name} with the EHR's record ${candidatePatientId}`,
                changes: [{ field: "link", label: "Identifier", before: "", after: conflict.row.id }],
                method: "PUT",
                url: `/api/v1/patients/${candidatePatientId}`,
                headers: ['If-Match: W/"7"'],
                body: "{}",
                reliesOnVersion: 'W/"7"',
                sideEffects: [],
              },
            ]
          : [];
      return plan;
    },
    "values.validate": ({ field, text }) => {
      if (text.trim() === "") return { ok: false, shown: null, problem: "Nothing is written yet.", wayOut: "Type a value, or take one of the three." };
      if (field === "patient.owner_phone") {
        const digits = text.replace(/\D/g, "");
        if (digits.length < 10) return { ok: false, shown: null, problem: "Owner's phone: too few digits for a phone number.", wayOut: "Write it with area code, like 415 555 0134." };
        return { ok: true, shown: shown(`+1 ${digits.slice(-10, -7)} ${digits.slice(-7, -4)} ${digits.slice(-4)}`), problem: null, wayOut: null };
      }
      return { ok: true, shown: shown(text.trim()), problem: null, wayOut: null };
    },
    "plans.make": ({ conflictId, fingerprint, choices, reason }) => {
      if (fingerprint !== this.fingerprint(conflictId)) fail("moved", "Something changed since you looked.", "Look at what moved; your other choices are kept.");
      return this.draftPlan(this.conflict(conflictId), choices, reason);
    },
    "plans.get": ({ id }) => {
      const waiting = [...this.plans.values()].find((one) => one.conflictId === id && (one.status === "awaiting_second" || one.status === "awaiting_check"));
      return this.seen(this.plans.get(id) ?? waiting ?? fail("not_found", "This plan does not exist any more.", "Open the conflict again."));
    },
    "plans.approve": ({ planId, hash, reason }) => this.approve(planId, hash, reason),
    "plans.refuse": ({ planId, reason }) => {
      const plan = this.plan(planId);
      plan.status = "refused";
      plan.reason = reason;
      const conflict = this.conflicts.find((one) => one.id === plan.conflictId);
      if (conflict) conflict.status = "open";
      this.changed(["plans", "conflicts", "conflict", "home", "queue"], plan.conflictId);
      return this.seen(plan);
    },
    "plans.undo": ({ id }) => {
      const plan = undoPlan(
        `plan-${this.next++}`,
        this.receipts.filter((one) => one.planId === id),
        this.person.name,
      );
      this.plans.set(plan.id, plan);
      return plan;
    },
    "quarantine.list": (query) => this.quarantine.list(query),
    "quarantine.show": ({ id }) => this.quarantine.show(id),
    "quarantine.edit": (edit) => this.quarantine.edit(edit),
    "quarantine.replay": (replay) => this.quarantine.replay(replay),
    "quarantine.dismiss": ({ id, reason }) => this.quarantine.dismiss(id, reason),
    "queue.list": (query) => {
      const waitingPlans = this.waitingPlans();
      return { ...this.queue.list(query), waitingPlans, waitingPlansTotal: waitingPlans.length };
    },
    "queue.show": ({ id }) => this.queue.show(id),
    "queue.causes": () => ({ causes: this.queue.causes() }),
    "queue.retry": ({ id, reason }) => this.queue.retry(id, reason),
    "queue.replay": ({ cause }) => this.queue.replay(cause),
    "queue.edit": (edit) => {
      const { operation, write } = this.queue.edited(edit);
      const conflict = this.conflicts.find((one) => one.row.id === operation.patientId) ?? this.conflict("c-owner");
      const plan = this.draftPlan(conflict, [], edit.reason);
      return Object.assign(plan, { patientId: operation.patientId, patient: operation.patient, conflictId: operation.conflictId, writes: [write], openFields: [], replaces: operation.id });
    },
    "queue.cancel": ({ id }) => this.queue.cancel(id),
    "remotes.status": () => ({ ...this.queue.status(), storage: this.storage, midServer: this.midServer }),
    "remotes.pause": ({ remote, reason }) => this.queue.pause(remote, reason ?? ""),
    "remotes.resume": ({ remote }) => {
      const status = this.queue.resume(remote);
      if (!this.paused()) for (const plan of this.plans.values()) if (plan.status === "awaiting_check") this.carryOut(plan);
      return status;
    },
    "remotes.try_now": ({ remote }) => this.queue.tryNow(remote),
    "incidents.list": () => ({ incidents: this.queue.incidents, total: this.queue.incidents.length }),
    "incidents.acknowledge": ({ id }) => this.queue.acknowledge(id),
    "receipts.list": ({ patientId, planId, offset, limit }) => ({
      receipts: this.receipts.filter((one) => (patientId === null || one.patientId === patientId) && (planId === null || one.planId === planId)).slice(offset, offset + limit),
    }),
  };

  private session(): Session {
    return { person: this.person, people, capabilities: may[this.person.id] ?? everyone, demo: true, version: "0.1.0", hospital: "Main Street Veterinary Hospital" };
  }

  private conflict(id: string): SampleConflict {
    return this.conflicts.find((one) => one.id === id && one.status !== "closed") ?? fail("not_found", "This conflict is settled.", "Both systems agree now. Go back to the work list.");
  }

  private plan(id: string): PlanView {
    return this.plans.get(id) ?? fail("not_found", "This plan does not exist any more.", "Open the conflict again.");
  }

  private fingerprint(id: string): string {
    return `${id}-v${this.versions.get(id) ?? 1}`;
  }

  private seen(plan: PlanView): PlanView {
    const makerIsMe = plan.maker === this.person.name;
    const second = plan.status === "awaiting_second";
    const mayApprove = second ? !makerIsMe && (may[this.person.id] ?? []).includes("approve_second") : true;
    const waits = plan.status === "awaiting_check";
    return { ...plan, makerIsMe, mayApprove: mayApprove && !waits, whoCan: mayApprove ? null : "another administrator", waits: waits ? this.waits() : null, mayWithdraw: waits };
  }

  /** What an approved plan waits for. */
  private waits(): string {
    const until = (["service_now", "ehr"] as const).flatMap((name) => {
      const { place, paused } = this.queue.sides[name];
      return paused ? [`${place} is resumed (paused by ${paused.by})`] : [];
    });
    return `Approved; waits until ${until.join(" and ")}. Then both systems are read again: if one of them changed meanwhile, nothing is written and it is asked about again.`;
  }

  private waitingPlans(): WaitingPlan[] {
    return [...this.plans.values()]
      .filter((plan) => plan.status === "awaiting_check")
      .map((plan) => ({
        planId: plan.id,
        patientId: plan.patientId,
        patient: plan.patient,
        owner: "",
        species: "dog",
        sentences: plan.writes.map((write) => write.sentence),
        approver: plan.approver ?? "",
        approvedAtMs: plan.madeAtMs,
        words: this.waits(),
        mayWithdraw: true,
        whoCan: null,
      }));
  }

  private permitted(field: FieldView): FieldView {
    const needed: Capability = clinical.has(field.field) ? "decide_clinical" : "decide_demographic";
    const mayDecide = (may[this.person.id] ?? []).includes(needed);
    return { ...field, mayDecide, whoCan: mayDecide ? null : needed === "decide_clinical" ? "a clinician or an administrator" : "the front desk or an administrator" };
  }

  private news(): News {
    const items = this.newsItems.map((item) => ({ ...item, unread: item.atMs > this.seenUntilMs }));
    return { items, unread: items.filter((item) => item.unread).length };
  }

  private item(conflict: SampleConflict): ConflictItem {
    const first = conflict.fields[0];
    const labels = conflict.fields.map((field) => field.label);
    const alike = this.conflicts.filter((one) => one.status !== "closed" && one.cause === conflict.cause && one.fields.map((field) => field.label).join() === labels.join()).length;
    return {
      id: conflict.id,
      patientId: conflict.row.id,
      patient: conflict.row.name,
      owner: conflict.row.owner,
      species: conflict.row.species,
      cause: conflict.cause,
      grade: Math.max(3, ...conflict.fields.map((field) => field.grade)),
      status: conflict.status,
      fields: conflict.fields.map((field) => field.field),
      fieldLabels: labels,
      serviceNowShort: first?.serviceNow.text ?? null,
      ehrShort: first?.ehr.text ?? null,
      why: conflict.why,
      openedAtMs: openedAt(conflict),
      claimedBy: conflict.claimedBy,
      claimedByMe: conflict.claimedBy === this.person.name,
      snoozedUntilMs: this.snoozed.get(conflict.id) ?? null,
      mayDecide: conflict.fields.some((field) => this.permitted(field).mayDecide) || conflict.cause === "maybe_duplicate" || conflict.cause === "rule_broken",
      waits: [...this.plans.values()].some((plan) => plan.conflictId === conflict.id && plan.status === "awaiting_check") ? this.waits() : null,
      alike,
    };
  }

  private sides() {
    const now = Date.now();
    return {
      serviceNow: { remote: "service_now" as const, key: "9d385017c611228701d22104cc95c371", version: "12", changedBy: "dana.whitfield", changedAtMs: now - 5 * 3_600_000, readAtMs: now - 40_000 },
      ehr: { remote: "ehr" as const, key: "pat-20481", version: 'W/"7"', changedBy: "Dr. Imre Lang", changedAtMs: now - 26 * 3_600_000, readAtMs: now - 38_000 },
    };
  }

  private allRows(): PatientRow[] {
    if (!this.rows) {
      this.rows = [...this.conflicts.map((one) => one.row), ...Array.from({ length: PATIENTS - this.conflicts.length }, (_, index) => syntheticPatient(index))];
      this.texts = this.rows.map((row) => `${row.name} ${row.owner} ${row.phone} ${row.phone.replace(/\D/g, "")} ${row.chip} ${row.breed}`.toLowerCase());
    }
    return this.rows;
  }

  private row(id: string): PatientRow {
    return (
      this.conflicts.find((one) => one.row.id === id)?.row ??
      (id.startsWith("p") && Number.isInteger(Number(id.slice(1))) ? syntheticPatient(Number(id.slice(1))) : fail("not_found", "No patient has this number.", "Search by name, owner or microchip."))
    );
  }

  private patient(id: string) {
    const row = this.row(id);
    const conflict = this.conflicts.find((one) => one.row.id === id && one.status !== "closed");
    const asked = conflict?.fields ?? [];
    const fields = [...asked.map((field) => this.permitted(field)), ...agreeingFields(row).filter((field) => !asked.some((other) => other.field === field.field))];
    return {
      kind: "patient" as Kind,
      patient: row,
      ...this.sides(),
      trust: asked.length > 0 ? `${asked.map((field) => field.label).join(", ")} ${asked.length === 1 ? "differs" : "differ"} between the systems.` : "Both systems agree on every field.",
      trusted: asked.length === 0,
      agreedAtMs: Date.now() - 19 * 60_000,
      fields: fields.sort((a, b) => Number(b.field === "patient.allergies") - Number(a.field === "patient.allergies")),
      conflictId: conflict?.id ?? null,
      timeline: [
        { atMs: Date.now() - 19 * 60_000, actor: "Nightly comparison", sentence: "Compared: 10 fields agree.", planId: null },
        { atMs: Date.now() - 2 * DAY_MS, actor: "Rule: blank filled", sentence: "The breed was blank in the EHR and was filled from ServiceNow.", planId: null },
        { atMs: Date.now() - 40 * DAY_MS, actor: "First comparison", sentence: "Linked by microchip.", planId: null },
      ],
      findings:
        row.phone === ""
          ? [
              {
                field: "owner_phone",
                severity: "warning" as const,
                sentence: "Owner's phone: there is no number to reach the owner at. Ask for one at the next visit.",
                remotes: ["service_now" as const, "ehr" as const],
              },
            ]
          : [],
      linkedBy: "Microchip number",
    };
  }

  private home(): Home {
    const now = Date.now();
    const open = this.conflicts.filter((one) => one.status === "open" && (this.snoozed.get(one.id) ?? 0) < now);
    const wave = (base: number, spread: number) => Array.from({ length: 24 }, (_, index) => base + Math.sin(index / 2.3) * spread + ((index * 7) % 5) * spread * 0.2);
    return {
      remotes: (["service_now", "ehr"] as const).map((name) => {
        const { remote, label, health, latencyMs, lastAnswerAtMs, nextTryAtMs, waiting, retrying } = this.queue.remote(name);
        const polling = { what: label, pace: "changes are looked for every 15 s", words: "nothing new", readAtMs: now - 9_000, well: true };
        return { remote, label, health, latencyMs, detail: "", lastAnswerAtMs, nextTryAtMs, waiting: waiting + retrying, polling };
      }),
      metrics: [
        { id: "success", label: "Sync success rate", value: "99.6 %", detail: "last 24 hours", trend: wave(99.4, 0.3), ok: true },
        { id: "response", label: "Response time", value: "212 ms", detail: "95 of 100 are faster", trend: wave(210, 22), ok: true },
        { id: "errors", label: "Error rate", value: "0.4 %", detail: "alert above 5 %", trend: wave(0.5, 0.2), ok: true },
        { id: "accuracy", label: "Data accuracy", value: "98.9 %", detail: "17 patients differ", trend: wave(98.7, 0.2), ok: false },
        { id: "uptime", label: "Uptime", value: "100 %", detail: "last 7 days", trend: wave(100, 0.01), ok: true },
      ],
      needYou: open.length,
      needSecond: this.conflicts.filter((one) => one.status === "awaiting_second").length,
      settledLastRun: 412,
      statusCounts: { agreed: PATIENTS - 1_117, waiting: 402, differs: open.length + 1, onlyServiceNow: 398, onlyEhr: 300 },
      run: this.run?.status === "running" ? this.run : null,
      lastRun: this.lastRun(now),
      nextRun: schedule(now).parts[0]?.next[0] ?? null,
      settled: Array.from({ length: 6 }, (_, index) => ({
        planId: `settled-${index}`,
        patientId: `p${index * 31}`,
        patient: syntheticPatient(index * 31).name,
        sentence: index % 2 ? "Owner's phone: only ServiceNow had changed it; the EHR was brought along." : "Breed was blank in the EHR; filled from ServiceNow.",
        atMs: now - 9 * 3_600_000 - index * 4_000,
      })),
      storage: this.storage,
      midServer: this.midServer,
      offline: this.queue.status().remotes.some((one) => one.health !== "answering"),
    };
  }

  private report(request: ReportQuery): ReportView {
    if (!(may[this.person.id] ?? []).includes("see_reports")) fail("not_allowed", "Your role may not do this.", "Ask somebody who can: auditors, IT and administrators.");
    if (request.runId === null) return reportOfDays(request, Date.now());
    const run = this.lastRun(Date.now());
    return request.runId === run.id ? reportOfRun(run, this.conflicts) : fail("not_found", "There is no such run any more.", "Go back to the list and look again.");
  }

  private lastRun(now: number): RunView {
    return {
      id: "r0",
      trigger: "reconciliation",
      actor: null,
      status: "done",
      startedAtMs: now - 9 * 3_600_000,
      endedAtMs: now - 9 * 3_600_000 + 74_000,
      counts: {
        servicenow: 99_702,
        ehr: 99_604,
        linked: 99_302,
        compared: 99_302,
        equal: 98_872,
        settled: 412,
        conflicts: 18,
        created: 3,
        writesServicenow: 201,
        writesEhr: 214,
        malformed: 1,
        possibleDuplicates: 1,
      },
      problem: null,
      progress: null,
    };
  }

  private startRun(patientId: string | null): RunView {
    const total = patientId ? 1 : PATIENTS;
    const counts = { servicenow: 0, ehr: 0, linked: 0, compared: 0, equal: 0, settled: 0, conflicts: 0, created: 0, writesServicenow: 0, writesEhr: 0, malformed: 0, possibleDuplicates: 0 };
    const run: RunView = { id: `run-${this.next++}`, trigger: "By hand", actor: this.person.name, status: "running", startedAtMs: Date.now(), endedAtMs: null, counts, problem: null, progress: null };
    this.run = run;
    const step = (tenth: number) => {
      if (this.run?.id !== run.id || this.run.status !== "running") return;
      if (tenth > 10) {
        this.run = { ...run, status: "done", endedAtMs: Date.now() };
        this.changed(["runs", "home", "patient", "patients"], patientId);
        return;
      }
      const done = Math.round((total * tenth) / 10);
      const progress: Progress = {
        runId: run.id,
        phase: "comparing",
        done,
        total,
        perSecond: Math.round(total / 6),
        text: `Comparing patients: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`,
      };
      this.run = { ...run, progress, counts: { ...counts, compared: done, equal: Math.max(0, done - 18) } };
      this.progress(progress);
      setTimeout(() => step(tenth + 1), patientId ? 40 : 600);
    };
    step(0);
    this.changed(["runs", "home"], null);
    return this.run;
  }

  private draftPlan(conflict: SampleConflict, choices: FieldChoice[], reason: string | null): PlanView {
    const decided = new Set(choices.filter((one) => one.choice !== "leave_open").map((one) => one.field));
    const grade = Math.max(3, ...conflict.fields.filter((field) => decided.has(field.field)).map((field) => field.grade));
    const id = `plan-${this.next++}`;
    const plan: PlanView = {
      id,
      hash: `hash-${id}`,
      patientId: conflict.row.id,
      patient: conflict.row.name,
      conflictId: conflict.id,
      status: "draft",
      grade,
      maker: this.person.name,
      makerIsMe: true,
      reason,
      approver: null,
      madeAtMs: Date.now(),
      writes: plannedWrites(conflict, choices),
      openFields: conflict.fields.filter((field) => !decided.has(field.field)).map((field) => field.label),
      needsSecond: grade === 4,
      needsReason: grade === 4 && !reason,
      mayApprove: true,
      whoCan: null,
      leftOut: [],
      moved: [],
      waits: null,
      mayWithdraw: false,
      undoes: null,
      replaces: null,
    };
    this.plans.set(id, plan);
    return plan;
  }

  private approve(planId: string, hash: string, reason: string | null) {
    const plan = this.plan(planId);
    if (plan.hash !== hash) fail("moved", "The plan is not the one you saw.", "Look at the plan again.");
    const conflict = plan.replaces ? undefined : this.conflicts.find((one) => one.id === plan.conflictId);
    if (conflict?.movesTo) {
      const { field, ehr } = conflict.movesTo;
      conflict.fields = conflict.fields.map((one) => (one.field === field ? { ...one, ehr } : one));
      conflict.movesTo = null;
      this.versions.set(conflict.id, 2);
      plan.status = "superseded";
      return fail("moved", "Name changed in the EHR since you looked. Nothing was written.", "Look at what moved; your other choices are kept.");
    }
    if (plan.needsSecond && plan.status === "draft") {
      plan.status = "awaiting_second";
      plan.reason = reason ?? plan.reason;
      if (conflict) conflict.status = "awaiting_second";
      this.changed(["plans", "conflicts", "conflict", "home"], plan.conflictId);
      return { plan: this.seen(plan), operations: [] };
    }
    plan.approver = this.person.name;
    if (this.paused()) {
      plan.status = "awaiting_check";
      if (conflict) conflict.status = "executing";
      this.changed(["plans", "conflicts", "conflict", "queue"], plan.conflictId);
      return { plan: this.seen(plan), operations: [] };
    }
    return this.carryOut(plan);
  }

  private paused(): boolean {
    return Object.values(this.queue.sides).some((side) => side.paused !== null);
  }

  private carryOut(plan: PlanView) {
    const conflict = plan.replaces ? undefined : this.conflicts.find((one) => one.id === plan.conflictId);
    plan.status = "approved";
    if (conflict) {
      conflict.status = "closed";
      conflict.row.status = "agreed";
    }
    this.queue.enqueue(plan, { owner: conflict?.row.owner ?? "", species: conflict?.row.species ?? "" }, () => {
      plan.status = "done";
      if (plan.undoes) this.receipts = this.receipts.map((one) => (one.planId === plan.undoes ? { ...one, canUndo: false, notUndoableBecause: "It is undone already.", undoneBy: plan.id } : one));
      this.receipts = [...plan.writes.map((write, index) => receiptOf(plan, write, index)), ...this.receipts];
      this.changed(["plans", "receipts", "home", "conflicts", "patient"], plan.id);
    });
    return {
      plan: this.seen(plan),
      operations: plan.writes.map((write, index) => ({ id: `${plan.id}-o${index}`, remote: write.remote, status: "running" as const, attempts: 1, lastError: null, dueAtMs: Date.now() })),
    };
  }
}
