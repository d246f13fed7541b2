import type {
  AttemptView,
  Capability,
  IncidentView,
  LineageEntry,
  OperationStatus,
  PlannedWrite,
  PlanView,
  QueueCause,
  QueueDetail,
  QueueEdit,
  QueueHold,
  QueueItem,
  QueueLane,
  QueueList,
  QueueQuery,
  RemoteHealth,
  RemoteName,
  RemoteStatus,
  RemotesStatus,
  Tag,
} from "../../bindings/types";
import { shown } from "./patients";
import { writeOf } from "./plans";

const TRIES = 5;
/** How long a write takes here. */
const WRITING_MS = 120;
const MINUTE_MS = 60_000;
const WHO = "IT or an administrator";

interface Operation {
  id: string;
  patientId: string;
  patient: string;
  owner: string;
  species: string;
  write: PlannedWrite;
  status: OperationStatus;
  attempts: AttemptView[];
  enqueuedAtMs: number;
  finishedAtMs: number | null;
  dueAtMs: number;
  cause: string | null;
  planId: string;
  planStatus: PlanView["status"];
  maker: string;
  reason: string | null;
  replaces: string | null;
  conflictId: string | null;
}

interface Side {
  remote: RemoteName;
  label: string;
  place: string;
  health: RemoteHealth;
  openUntilMs: number | null;
  since: number | null;
  slowUntilMs: number | null;
  paused: RemoteStatus["paused"];
}

export interface Surroundings {
  person: () => string;
  may: (capability: Capability) => boolean;
  changed: (tags: Tag[], id: string | null) => void;
  fail: (code: "invalid" | "moved" | "not_found", message: string, wayOut: string, field?: string | null) => never;
}

const finished = (status: OperationStatus): boolean => status === "done" || status === "cancelled";
const tags: Tag[] = ["queue", "remotes", "home"];

/** The outbox of the sample clinic: it keeps lanes, holds and lineage as the engine does. */
export class SampleQueue {
  operations: Operation[] = [];
  readonly sides: Record<RemoteName, Side> = {
    service_now: { remote: "service_now", label: "ServiceNow", place: "ServiceNow", health: "answering", openUntilMs: null, since: null, slowUntilMs: null, paused: null },
    ehr: { remote: "ehr", label: "EHR", place: "the EHR", health: "answering", openUntilMs: null, since: null, slowUntilMs: null, paused: null },
  };
  incidents: IncidentView[] = [];
  private readonly waiting: { ids: string[]; done: () => void }[] = [];
  private next = 1;

  constructor(private readonly around: Surroundings) {
    const now = Date.now();
    const refusedPhone = "Owner's phone: ServiceNow takes at most 16 characters here.";
    for (const [index, name] of ["Fritzi", "Paula", "Balu", "Maja", "Oscar", "Felix", "Lilly", "Simba", "Charlie", "Max", "Luna", "Tilda"].entries()) {
      this.add({
        patientId: `px${index}`,
        patient: name,
        owner: "Peter Kowalski",
        species: index % 3 ? "Dog" : "Cat",
        write: writeOf("service_now", `px${index}`, [{ field: "patient.owner_phone", label: "Owner's phone", before: `+1 415 555 02${10 + index}`, after: `+1 415 555 03${10 + index} ext. 4471` }]),
        status: "parked",
        enqueuedAtMs: now - (190 - index) * MINUTE_MS,
        cause: "servicenow refused 400 owner_phone 5f1d",
        attempts: [{ attempt: 1, atMs: now - (180 - index) * MINUTE_MS, kind: "refused", problem: refusedPhone, ambiguous: false, counted: true }],
      });
    }
    const busy = (attempt: number, ago: number): AttemptView => ({
      attempt,
      atMs: now - ago,
      kind: attempt === 1 ? "ambiguous" : "transient",
      problem: attempt === 1 ? "The EHR did not answer within 30 s." : "The EHR is busy (503).",
      ambiguous: attempt === 1,
      counted: true,
    });
    const bella = { patientId: "pb", patient: "Bella", owner: "Ana Okafor", species: "Dog" };
    this.add({
      ...bella,
      write: writeOf("ehr", "pb", [{ field: "patient.breed", label: "Breed", before: "Labrador mix", after: "Labrador Retriever" }]),
      status: "retrying",
      enqueuedAtMs: now - 4 * MINUTE_MS,
      dueAtMs: now + 9_000,
      cause: "ehr transient 503 - -",
      attempts: [busy(1, 34_000), busy(2, 2_000)],
      conflictId: "c-owner",
    });
    this.add({
      ...bella,
      write: writeOf("service_now", "pb", [{ field: "patient.medical_notes", label: "Medical notes", before: "Diet food since March.", after: "Diet food since March.\nMuzzle for nail trims." }]),
      status: "waiting",
      enqueuedAtMs: now - 4 * MINUTE_MS,
    });
    this.add({
      patientId: "pm",
      patient: "Milo",
      owner: "Hannes Fischer",
      species: "Cat",
      write: writeOf("ehr", "pm", [
        { field: "patient.owner_email", label: "Owner's e-mail", before: "", after: "h.fischer@example" },
        { field: "patient.owner_phone", label: "Owner's phone", before: "+1 415 555 0177", after: "+1 415 555 0170" },
      ]),
      status: "parked",
      enqueuedAtMs: now - 52 * MINUTE_MS,
      cause: "ehr refused 422 owner_email 9ac0",
      attempts: [{ attempt: 1, atMs: now - 51 * MINUTE_MS, kind: "refused", problem: "Owner's e-mail: the EHR wants a full address, such as name@example.org.", ambiguous: false, counted: true }],
      conflictId: "c-allergy",
    });
    this.add({
      patientId: "pn",
      patient: "Nala",
      owner: "Grace Adeyemi",
      species: "Cat",
      write: writeOf("ehr", "pn", [{ field: "patient.weight", label: "Weight", before: "4.1 kg", after: "4.3 kg" }]),
      status: "done",
      enqueuedAtMs: now - 12 * MINUTE_MS,
      finishedAtMs: now - 12 * MINUTE_MS + 900,
    });
    this.add({
      patientId: "pr",
      patient: "Rocky",
      owner: "Niamh Byrne",
      species: "Dog",
      write: writeOf("service_now", "pr", [{ field: "patient.owner_name", label: "Owner's name", before: "Niamh Burne", after: "Niamh Byrne" }]),
      status: "cancelled",
      enqueuedAtMs: now - 80 * MINUTE_MS,
      finishedAtMs: now - 30 * MINUTE_MS,
    });
  }

  private add(given: Partial<Operation> & Pick<Operation, "patientId" | "patient" | "owner" | "species" | "write" | "status">): Operation {
    const id = `o${this.next++}`;
    const operation: Operation = {
      id,
      attempts: [],
      enqueuedAtMs: Date.now(),
      finishedAtMs: null,
      dueAtMs: 0,
      cause: null,
      planId: `plan-of-${id}`,
      planStatus: "approved",
      maker: "Dana Whitfield",
      reason: null,
      replaces: null,
      conflictId: null,
      ...given,
    };
    this.operations.push(operation);
    return operation;
  }

  find(id: string): Operation {
    return this.operations.find((one) => one.id === id) ?? this.around.fail("not_found", "There is no such operation.", "Go back to the queue and look again.");
  }

  private hold(operation: Operation): QueueHold | null {
    if (operation.status !== "waiting" && operation.status !== "retrying") return null;
    const side = this.sides[operation.write.remote];
    const head = this.operations.find((one) => one.patientId === operation.patientId && !finished(one.status));
    if (head && head.id !== operation.id) return "lane";
    if (side.paused) return "paused";
    if (side.health === "sign_in_refused") return "sign_in";
    if (side.health === "breaker_open") return "breaker";
    if ((side.slowUntilMs ?? 0) > Date.now()) return "rate_limit";
    return null;
  }

  private words(operation: Operation, hold: QueueHold | null): string {
    const side = this.sides[operation.write.remote];
    const tried = operation.attempts.filter((one) => one.counted).length;
    const stands = {
      waiting: "Waiting for its turn",
      running: `Trying, ${tried + 1} of ${TRIES}`,
      retrying: tried >= TRIES ? `All ${TRIES} tries failed; it stays queued and is tried again now and then` : `Try ${tried} of ${TRIES} failed`,
      parked: `Needs an edit: ${side.place} refused it`,
      done: "Done",
      cancelled: "Cancelled",
    }[operation.status];
    const because = {
      lane: "",
      paused: `; ${side.place} is paused by ${side.paused?.by ?? "somebody"}`,
      rate_limit: `; ${side.place} asked VetSync to wait`,
      sign_in: `; ${side.place} refuses our credentials`,
      breaker: `; ${side.place} does not answer`,
    };
    if (hold === "lane") return "Waits for the write before it";
    return hold ? stands + because[hold] : stands;
  }

  private item(operation: Operation): QueueItem {
    const hold = this.hold(operation);
    const may = this.around.may("edit_queue");
    const parked = operation.status === "parked";
    const waits = operation.status === "waiting" || operation.status === "retrying";
    const side = this.sides[operation.write.remote];
    return {
      id: operation.id,
      patientId: operation.patientId,
      remote: operation.write.remote,
      sentence: operation.write.sentence,
      status: operation.status,
      hold,
      words: this.words(operation, hold),
      attempt: operation.attempts.length,
      tries: TRIES,
      exhausted: operation.status === "retrying" && operation.attempts.length >= TRIES,
      nextTryAtMs: !waits || hold === "lane" || hold === "paused" ? null : Math.max(operation.dueAtMs, side.openUntilMs ?? 0, side.slowUntilMs ?? 0),
      enqueuedAtMs: operation.enqueuedAtMs,
      finishedAtMs: operation.finishedAtMs,
      cause: operation.cause,
      problem: finished(operation.status) ? null : (operation.attempts.at(-1)?.problem ?? null),
      planId: operation.planId,
      replaces: operation.replaces,
      mayRetry: may && (parked || waits),
      mayEdit: may && parked,
      mayCancel: may && (parked || waits),
      whoCan: may ? null : WHO,
    };
  }

  list({ states, remote, cause, patientId, offset, limit }: QueueQuery): QueueList {
    const asked = (one: Operation) =>
      (states.length === 0 ? !finished(one.status) : states.includes(one.status)) &&
      (remote === null || one.write.remote === remote) &&
      (cause === null || one.cause === cause) &&
      (patientId === null || one.patientId === patientId);
    const ids = [...new Set(this.operations.filter(asked).map((one) => one.patientId))];
    const lanes = ids.slice(offset, offset + limit).map((id): QueueLane => {
      const rows = this.operations.filter((one) => one.patientId === id && (!finished(one.status) || states.includes(one.status)));
      const operations = rows.map((one) => this.item(one));
      const [row] = rows;
      const [first] = operations;
      if (!row || !first) throw new Error("a lane without a write");
      return { patientId: id, patient: row.patient, owner: row.owner, species: row.species, status: first.status, hold: first.hold, words: first.words, operations };
    });
    const count = (status: OperationStatus) => this.operations.filter((one) => one.status === status).length;
    return {
      lanes,
      total: ids.length,
      // The clinic knows its plans.
      waitingPlans: [],
      waitingPlansTotal: 0,
      counts: { waiting: count("waiting"), running: count("running"), retrying: count("retrying"), parked: count("parked"), done: count("done"), cancelled: count("cancelled") },
      tries: TRIES,
    };
  }

  show(id: string): QueueDetail {
    const operation = this.find(id);
    const item = this.item(operation);
    const named = operation.cause?.split(" ")[3]?.split(",") ?? [];
    return {
      item,
      patient: operation.patient,
      owner: operation.owner,
      write: operation.write,
      changes: operation.write.changes,
      attempts: operation.attempts,
      lineage: this.lineage(operation),
      fields: operation.write.changes.map((change) => ({
        field: change.field,
        label: change.label,
        editor: change.field.endsWith("phone") ? "phone" : change.field.endsWith("email") ? "email" : change.field.endsWith("notes") ? "long_text" : "text",
        value: shown(change.after),
        text: change.after,
        named: named.some((name) => change.field.endsWith(name)),
      })),
      notEditableBecause:
        operation.status === "parked"
          ? null
          : finished(operation.status)
            ? "It is finished."
            : operation.status === "running"
              ? "It is being sent at this moment."
              : "It has not been refused: it is sent as it was approved. Cancel it to decide anew.",
      planStatus: operation.planStatus,
      maker: operation.maker,
      approver: operation.maker === "Dana Whitfield" ? "Mara Quinn" : null,
      conflictId: operation.conflictId,
      hasReceipt: operation.status === "done",
    };
  }

  private lineage(operation: Operation): LineageEntry[] {
    const chain = [operation];
    for (let first = chain[0]; first?.replaces; first = chain[0]) chain.unshift(this.find(first.replaces));
    for (let next = this.operations.find((one) => one.replaces === chain.at(-1)?.id); next; next = this.operations.find((one) => one.replaces === chain.at(-1)?.id)) chain.push(next);
    return chain.map((one) => ({ id: one.id, status: one.status, enqueuedAtMs: one.enqueuedAtMs, maker: one.maker, reason: one.reason, this: one.id === operation.id }));
  }

  causes(): QueueCause[] {
    const found = new Map<string, Operation[]>();
    for (const one of this.operations) {
      if (one.cause !== null && (one.status === "parked" || one.status === "retrying")) found.set(one.cause, [...(found.get(one.cause) ?? []), one]);
    }
    return [...found.entries()].map(([cause, members]) => {
      const first = members[0] as Operation;
      const last = first.attempts.at(-1);
      return {
        cause,
        remote: first.write.remote,
        kind: last?.kind ?? null,
        status: Number(cause.split(" ")[2]) || null,
        fieldLabels: first.write.changes.filter((change) => cause.includes(change.field.replace("patient.", ""))).map((change) => change.label),
        words: last?.problem ?? "",
        count: members.length,
        parked: members.filter((one) => one.status === "parked").length,
        oldestAtMs: Math.min(...members.map((one) => one.enqueuedAtMs)),
      };
    });
  }

  /** Sends what may go, one write per lane at a time, and tells when the writes of a plan are through. */
  pump(): void {
    for (const operation of this.operations) {
      if (operation.status !== "waiting" || this.hold(operation) !== null) continue;
      operation.status = "running";
      setTimeout(() => {
        if (operation.status !== "running") return;
        operation.status = "done";
        operation.planStatus = "done";
        operation.finishedAtMs = Date.now();
        for (const one of this.waiting.filter(({ ids }) => ids.every((id) => this.find(id).status === "done"))) {
          this.waiting.splice(this.waiting.indexOf(one), 1);
          one.done();
        }
        this.around.changed([...tags, "receipts", "plans"], operation.patientId);
        this.pump();
      }, WRITING_MS);
    }
  }

  /** The writes of an approved plan join their lane. */
  enqueue(plan: PlanView, patient: Pick<Operation, "owner" | "species">, done: () => void): void {
    const replaced = plan.replaces === null ? null : this.find(plan.replaces);
    if (replaced) {
      replaced.status = "cancelled";
      replaced.finishedAtMs = Date.now();
    }
    // A new decision takes what was refused out of its way.
    for (const one of this.operations.filter(({ patientId, status }) => patientId === plan.patientId && status === "parked")) Object.assign(one, { status: "cancelled", finishedAtMs: Date.now() });
    const added = plan.writes.map((write) =>
      this.add({
        patientId: plan.patientId,
        patient: plan.patient,
        ...patient,
        write,
        status: "waiting",
        planId: plan.id,
        maker: plan.maker,
        reason: plan.reason,
        replaces: replaced?.id ?? null,
        conflictId: plan.conflictId,
      }),
    );
    this.waiting.push({ ids: added.map((one) => one.id), done });
    this.around.changed(tags, plan.patientId);
    this.pump();
  }

  retry(id: string, reason: string | null): QueueDetail {
    const operation = this.find(id);
    if (operation.status === "parked" && !reason?.trim()) this.around.fail("invalid", "This needs a reason.", "Write why it will work now, for the audit trail.", "reason");
    this.release(operation);
    return this.show(id);
  }

  private release(operation: Operation): void {
    operation.status = "waiting";
    operation.dueAtMs = 0;
    this.around.changed([...tags, "conflicts"], operation.patientId);
    this.pump();
  }

  replay(cause: string) {
    const alike = this.operations.filter((one) => one.cause === cause && !finished(one.status));
    for (const one of alike) this.release(one);
    return { released: alike.length, calledOff: 0, words: `${alike.length} writes are on their way again, in their original order.` };
  }

  cancel(id: string): QueueDetail {
    const operation = this.find(id);
    operation.status = "cancelled";
    operation.finishedAtMs = Date.now();
    this.around.changed([...tags, "conflicts"], operation.patientId);
    return this.show(id);
  }

  /** The write as it would be with the corrected values. */
  edited({ id, values, reason }: QueueEdit): { operation: Operation; write: PlannedWrite } {
    const operation = this.find(id);
    if (reason.trim() === "") this.around.fail("invalid", "This needs a reason.", "Write why the value is corrected here.", "reason");
    const changes = operation.write.changes.map((change) => ({ ...change, after: values.find((value) => value.field === change.field)?.text ?? change.after }));
    return { operation, write: writeOf(operation.write.remote, operation.patientId, changes) };
  }

  status(): Omit<RemotesStatus, "storage" | "midServer"> {
    const may = this.around.may("control_remotes");
    return {
      remotes: [this.remote("service_now"), this.remote("ehr")],
      incidents: this.incidents.map((one) => ({ ...one, mayAcknowledge: one.acknowledgedBy === null && this.around.may("acknowledge_incidents") })),
      mayControl: may,
      whoCan: may ? null : WHO,
    };
  }

  remote(name: RemoteName): RemoteStatus {
    const side = this.sides[name];
    const { label, paused } = side;
    const now = Date.now();
    const count = (...states: OperationStatus[]) => this.operations.filter((one) => one.write.remote === name && states.includes(one.status)).length;
    const health = paused ? "paused" : side.health;
    const words: Record<RemoteHealth, string> = {
      answering: `${label} is answering.`,
      failing: `${label} is failing, 2 times in a row.`,
      rate_limited: `${label} is rate limited until ${new Date(side.slowUntilMs ?? 0).toISOString().slice(11, 19)} UTC: it asked VetSync to wait, and everything is queued.`,
      breaker_open: `${label} does not answer: breaker open, everything is queued.`,
      paused: `${label} is paused by ${paused?.by ?? "somebody"}: nothing is sent to it and nothing is read from it; what is to be written waits.`,
      sign_in_refused: `${label} refuses our credentials; everything waits, no try is used up.`,
      never_tried: `${label} was not asked yet.`,
    };
    return {
      remote: name,
      label,
      health,
      words: words[health],
      latencyMs: health === "answering" ? (name === "ehr" ? 212 : 184) : null,
      lastAnswerAtMs: now - (health === "answering" ? 9_000 : 6 * MINUTE_MS),
      failuresInARow: health === "breaker_open" ? 5 : 0,
      lastProblem: null,
      sinceMs: side.since,
      nextTryAtMs: paused ? null : (side.openUntilMs ?? side.slowUntilMs),
      trying: false,
      slowUntilMs: side.slowUntilMs,
      paused,
      waiting: count("waiting", "running"),
      retrying: count("retrying"),
      parked: count("parked"),
      requestsPerMinute: name === "service_now" ? 600 : null,
      rateLimit: name === "service_now" && side.slowUntilMs !== null ? { limit: 5_000, resetsAtMs: now + 38 * MINUTE_MS, rule: "Table API" } : null,
      polls: [{ what: "patients", pace: "changes are looked for every 15 s", words: "nothing new", readAtMs: now - 9_000, well: true }],
    };
  }

  pause(name: RemoteName, reason: string): RemoteStatus {
    if (reason.trim() === "") this.around.fail("invalid", "This needs a reason.", "Write why: everybody who waits for this system reads it.", "reason");
    this.sides[name].paused = { by: this.around.person(), atMs: Date.now(), reason };
    this.around.changed(tags, null);
    return this.remote(name);
  }

  resume(name: RemoteName): RemoteStatus {
    this.sides[name].paused = null;
    this.around.changed(tags, null);
    this.pump();
    return this.remote(name);
  }

  /** The trouble ends: it answers again. */
  tryNow(name: RemoteName): RemoteStatus {
    Object.assign(this.sides[name], { health: "answering", openUntilMs: null, slowUntilMs: null, since: null });
    this.incidents = this.incidents.filter((one) => one.remote !== name);
    this.around.changed([...tags, "incidents"], null);
    this.pump();
    return this.remote(name);
  }

  acknowledge(id: string): IncidentView {
    const incident = this.incidents.find((one) => one.id === id) ?? this.around.fail("not_found", "There is no such incident.", "Look at the list again.");
    incident.acknowledgedBy = this.around.person();
    incident.acknowledgedAtMs = Date.now();
    this.around.changed(["incidents", "remotes", "home"], id);
    return incident;
  }

  /** Makes a system fail in one of its ways, for tests and for looking at. */
  trouble(name: RemoteName, health: "breaker_open" | "sign_in_refused" | "rate_limited"): void {
    const now = Date.now();
    const side = this.sides[name];
    const { label } = side;
    Object.assign(side, { health, since: now - 6 * MINUTE_MS, openUntilMs: health === "rate_limited" ? null : now + 24_000, slowUntilMs: health === "rate_limited" ? now + 41_000 : null });
    if (health !== "rate_limited") {
      this.incidents.push({
        id: `incident-${name}`,
        kind: health === "breaker_open" ? "breaker" : "sign_in",
        remote: name,
        words: health === "breaker_open" ? `${label} does not answer. The connection was refused.` : `${label} refuses our credentials. The key of the integration user has expired.`,
        wayOut:
          health === "breaker_open"
            ? "Check the network and the system itself. VetSync tries by itself every 30 seconds; everything waits in the queue and nothing is lost."
            : "Check the integration user and its key with `vetsync doctor`; then try the system now. Until then everything waits in the queue and nothing is lost.",
        open: true,
        times: 3,
        firstSeenAtMs: now - 6 * MINUTE_MS,
        lastSeenAtMs: now,
        closedAtMs: null,
        acknowledgedBy: null,
        acknowledgedAtMs: null,
        mayAcknowledge: true,
      });
    }
    const bella = this.operations.find((one) => one.patient === "Bella" && one.write.remote === name);
    if (bella && bella.status === "retrying") bella.dueAtMs = 0;
    this.around.changed([...tags, "incidents"], null);
  }
}
