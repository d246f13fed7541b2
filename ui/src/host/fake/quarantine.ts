import type { QuarantineEdit, QuarantineItem, QuarantineList, QuarantineQuery, QuarantineReplay, QuarantineReplayList, QuarantineView } from "../../bindings/types";
import type { Surroundings } from "./queue";

const MINUTE_MS = 60_000;

type Entry = Omit<QuarantineItem, "canEdit" | "canReplay" | "canDismiss" | "notEditableBecause"> & { raw: string };

const readable = (raw: string): boolean => {
  try {
    return typeof JSON.parse(raw) === "object";
  } catch {
    return false;
  }
};

/** What the sample clinic could not read. */
export class SampleQuarantine {
  entries: Entry[];
  private next = 1;

  constructor(private readonly around: Surroundings) {
    const now = Date.now();
    const entry = (given: Partial<Entry> & Pick<Entry, "raw" | "problem" | "cause">): Entry => ({
      id: `q${this.next++}`,
      origin: "event",
      remote: "service_now",
      recordKind: "patient",
      key: null,
      patientId: null,
      patient: "",
      status: "open",
      firstSeenAtMs: now - 50 * MINUTE_MS,
      lastSeenAtMs: now - 50 * MINUTE_MS,
      times: 1,
      closedAtMs: null,
      closedBy: null,
      reason: null,
      replaces: null,
      editedBy: null,
      ...given,
    });
    const cut = "The text ends in the middle of a value. Look at what sends it, or complete the text here.";
    this.entries = [
      ...["pb", "pm", "pn"].map((patientId, index) =>
        entry({
          patientId,
          patient: ["Bella", "Milo", "Nala"][index] ?? "",
          key: `9d385017c611228701d22104cc95c37${index}`,
          problem: cut,
          cause: "service_now/patient/-/not_json",
          raw: `{"table":"u_patient_record","sys_id":"9d385017c611228701d22104cc95c37${index}","u_owner_phone":"+1 415 555 01`,
          firstSeenAtMs: now - (80 - index * 7) * MINUTE_MS,
        }),
      ),
      entry({
        recordKind: null,
        remote: "ehr",
        problem: "Nothing in it says which record it is about. Ask the EHR's operator to send the patient's id.",
        cause: "ehr/-/id/missing",
        raw: '{"event":"updated","resource":{"resourceType":"Patient"}}',
        times: 14,
      }),
      entry({
        origin: "record",
        remote: "ehr",
        key: "pat-20977",
        patient: "Rocky",
        patientId: "pr",
        problem: "Date of birth: “32 March 2019” is no date. Correct it in the EHR.",
        cause: "ehr/patient/date_of_birth/not_a_date",
        raw: '{"resourceType":"Patient","id":"pat-20977","birthDate":"2019-03-32"}',
      }),
    ];
  }

  private item({ raw: _raw, ...entry }: Entry): QuarantineItem {
    const open = entry.status === "open";
    const works = this.around.may("work_quarantine");
    const because = !open
      ? "It is closed."
      : entry.origin === "record"
        ? "This is what the EHR shows of a record, and an edited text would pass for what it said. Correct it there, then replay."
        : null;
    return {
      ...entry,
      notEditableBecause: because,
      canEdit: works && because === null,
      canReplay: works && open && (entry.origin === "event" || entry.key !== null),
      canDismiss: works && open && entry.origin === "event",
    };
  }

  private find(id: string): Entry {
    return this.entries.find((one) => one.id === id) ?? this.around.fail("not_found", "There is no such entry in quarantine.", "Go back to the list and look again.");
  }

  list({ status, remote, cause, offset, limit }: QuarantineQuery): QuarantineList {
    const found = this.entries.filter((one) => (status === null || one.status === status) && (remote === null || one.remote === remote) && (cause === null || one.cause === cause));
    const open = this.entries.filter((one) => one.status === "open");
    const causes = [...new Set(open.map((one) => one.cause))].map((name) => {
      const members = open.filter((one) => one.cause === name);
      const [first] = members;
      return { cause: name, remote: first?.remote ?? "ehr", problem: first?.problem ?? "", open: members.length, oldestAtMs: Math.min(...members.map((one) => one.firstSeenAtMs)) };
    });
    return { items: found.slice(offset, offset + limit).map((one) => this.item(one)), total: found.length, causes: causes.sort((one, other) => other.open - one.open), eventsWaiting: 0 };
  }

  show(id: string): QuarantineView {
    const entry = this.find(id);
    const lineage = [entry];
    for (let first = lineage[0]; first?.replaces; first = lineage[0]) lineage.unshift(this.find(first.replaces));
    const after = (id: string | undefined) => this.entries.find((one) => one.replaces !== null && one.replaces === id);
    for (let next = after(id); next; next = after(next.id)) lineage.push(next);
    return { item: this.item(entry), raw: entry.raw, lineage: lineage.map((one) => this.item(one)) };
  }

  edit({ id, raw, reason }: QuarantineEdit): QuarantineView {
    const entry = this.find(id);
    const now = Date.now();
    const good = readable(raw);
    Object.assign(entry, { status: "superseded", closedAtMs: now, closedBy: this.around.person() });
    const made: Entry = {
      ...entry,
      id: `q${this.next++}`,
      raw,
      status: good ? "replayed" : "open",
      firstSeenAtMs: now,
      lastSeenAtMs: now,
      times: 1,
      closedAtMs: good ? now : null,
      closedBy: good ? this.around.person() : null,
      reason,
      replaces: id,
      editedBy: this.around.person(),
    };
    this.entries.push(made);
    this.around.changed(["quarantine", "home"], id);
    return this.show(made.id);
  }

  replay({ ids, cause }: QuarantineReplay): QuarantineReplayList {
    const chosen = cause === null ? ids.map((id) => this.find(id)) : this.entries.filter((one) => one.cause === cause && one.status === "open");
    const entries = chosen.map((one) => {
      one.times += 1;
      if (one.origin === "record") return { id: one.id, outcome: "read_again" as const, sentence: "The record is read again; this closes by itself when it can be read." };
      return { id: one.id, outcome: "still_unreadable" as const, sentence: `No better than before: ${one.problem}` };
    });
    this.around.changed(["quarantine"], null);
    return { entries };
  }

  dismiss(id: string, reason: string): QuarantineView {
    if (reason.trim() === "") this.around.fail("invalid", "This needs a reason.", "Write why it is not needed.", "reason");
    Object.assign(this.find(id), { status: "dismissed", closedAtMs: Date.now(), closedBy: this.around.person(), reason });
    this.around.changed(["quarantine"], id);
    return this.show(id);
  }
}
