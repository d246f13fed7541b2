// Generated from crates/console-api. Do not edit by hand.

export type RemoteName = "service_now" | "ehr";

export type Role = "front_desk" | "clinician" | "it" | "admin" | "auditor";

export type Capability = "see_patients" | "see_conflicts" | "decide_demographic" | "decide_clinical" | "approve_second" | "sync_one" | "sync_all" | "verify_patient" | "see_receipts" | "undo" | "link_patients" | "see_raw" | "switch_person";

export type RemoteHealth = "answering" | "failing" | "breaker_open" | "paused" | "sign_in_refused" | "never_tried";

export type PatientStatus = "agreed" | "waiting" | "differs" | "only_service_now" | "only_ehr";

export type Cause = "fields_differ" | "maybe_duplicate" | "not_stored" | "vanished" | "cannot_create";

export type ConflictStatus = "open" | "awaiting_second" | "executing" | "closed";

export type WhyAsked = "both_changed" | "never_agreed" | "identity_changed" | "allergy_removed_or_reworded" | "blanked" | "sex_changed" | "neutering_reversed" | "ehr_edited_one_way_field" | "value_unreadable" | "group_moves_together" | "merge_conflict";

export type SameWhy = "case_or_blanks" | "phone_format" | "email_case" | "same_concept" | "same_chip" | "same_set" | "same_amount" | "same_meaning_of_sex" | "line_endings" | "both_blank";

export type RuleName = "one_side_changed" | "blank_filled" | "allergy_added" | "neutering_recorded" | "finer_date" | "lines_merged" | "both_changed_alike";

export type Editor = "text" | "long_text" | "species" | "breed" | "date" | "sex" | "microchip" | "phone" | "email" | "substances" | "quantity" | "coded";

export type ChoiceKind = "take_service_now" | "take_last_agreed" | "take_ehr" | "own" | "keep_both" | "leave_open";

export type PlanStatus = "draft" | "awaiting_second" | "approved" | "done" | "refused" | "superseded";

export type OperationStatus = "waiting" | "running" | "retrying" | "parked" | "done" | "cancelled";

export type SameAnimal = "same" | "different";

export type RunStatus = "running" | "done" | "stopped" | "failed";

export type RunPhase = "reading_service_now" | "reading_ehr" | "linking" | "comparing" | "writing" | "finished";

export type ErrorCode = "not_allowed" | "not_found" | "moved" | "invalid" | "offline" | "locked" | "internal";

export type Tag = "home" | "patients" | "patient" | "conflicts" | "conflict" | "plans" | "receipts" | "runs" | "session";

export type ApiError = { code: ErrorCode, message: string, wayOut: string, field: string | null, };

export type Person = { id: string, name: string, role: Role, };

export type Session = { person: Person, people: Array<Person>, capabilities: Array<Capability>, demo: boolean, version: string, hospital: string, };

export type RemoteState = { remote: RemoteName, label: string, health: RemoteHealth, latencyMs: number | null, detail: string, lastAnswerAtMs: number | null, nextTryAtMs: number | null, waiting: number, };

export type Metric = { id: string, label: string, value: string, detail: string, trend: Array<number>, ok: boolean, };

export type Progress = { runId: string, phase: RunPhase, done: number, total: number | null, perSecond: number, text: string, };

export type RunView = { id: string, trigger: string, actor: string | null, status: RunStatus, startedAtMs: number, endedAtMs: number | null, counts: RunCounts, problem: string | null, progress: Progress | null, };

export type RunCounts = { servicenow: number, ehr: number, linked: number, compared: number, equal: number, settled: number, conflicts: number, created: number, writesServicenow: number, writesEhr: number, malformed: number, possibleDuplicates: number, };

export type Home = { remotes: Array<RemoteState>, metrics: Array<Metric>, needYou: number, needSecond: number, settledLastRun: number, statusCounts: StatusCounts, run: RunView | null, lastRun: RunView | null, settled: Array<SettledItem>, offline: boolean, };

export type StatusCounts = { agreed: number, waiting: number, differs: number, onlyServiceNow: number, onlyEhr: number, };

export type SettledItem = { planId: string, patientId: string, patient: string, sentence: string, atMs: number, };

export type PatientRow = { id: string, name: string, species: string, breed: string, owner: string, phone: string, chip: string, born: string, status: PatientStatus, deceased: boolean, differing: Array<string>, };

export type PatientSearch = { query: string, status: PatientStatus | null, offset: number, limit: number, };

export type PatientPageRows = { rows: Array<PatientRow>, total: number, capped: boolean, tookMs: number, };

export type Shown = { text: string, detail: string | null, raw: string | null, blank: boolean, hidden: boolean, problem: string | null, items: Array<string>, };

export type FieldView = { field: string, label: string, group: string | null, editor: Editor, grade: number, serviceNow: Shown, lastAgreed: Shown, ehr: Shown, lastAgreedAtMs: number | null, lastAgreedBy: string | null, sameBecause: SameWhy | null, why: WhyAsked | null, rule: RuleName | null, sentence: string, suggestion: Shown | null, suggestionReason: string | null, suggestedChoice: ChoiceKind | null, choices: Array<ChoiceKind>, mayDecide: boolean, whoCan: string | null, };

export type Side = { remote: RemoteName, key: string | null, version: string | null, changedBy: string | null, changedAtMs: number | null, readAtMs: number | null, };

export type PatientPage = { patient: PatientRow, serviceNow: Side, ehr: Side, trust: string, trusted: boolean, agreedAtMs: number | null, fields: Array<FieldView>, conflictId: string | null, timeline: Array<TimelineEntry>, linkedBy: string | null, };

export type TimelineEntry = { atMs: number, actor: string, sentence: string, planId: string | null, };

export type RawPair = { serviceNow: string | null, ehr: string | null, };

export type ConflictQuery = { text: string, grade: number | null, field: string | null, cause: Cause | null, status: ConflictStatus | null, offset: number, limit: number, };

export type ConflictItem = { id: string, patientId: string, patient: string, owner: string, species: string, cause: Cause, grade: number, status: ConflictStatus, fields: Array<string>, fieldLabels: Array<string>, serviceNowShort: string | null, ehrShort: string | null, why: string, openedAtMs: number, claimedBy: string | null, claimedByMe: boolean, snoozedUntilMs: number | null, mayDecide: boolean, alike: number, };

export type ConflictList = { items: Array<ConflictItem>, total: number, };

export type CompareView = { conflict: ConflictItem, serviceNow: Side, ehr: Side, fields: Array<FieldView>, agreeing: Array<FieldView>, draft: Array<FieldChoice>, candidates: Array<Candidate>, fingerprint: string, };

export type Candidate = { patientId: string, remote: RemoteName, name: string, owner: string, species: string, breed: string, born: string, phone: string, chip: string, forSentences: Array<string>, againstSentences: Array<string>, tier: string, };

export type FieldChoice = { field: string, choice: ChoiceKind, own: string | null, };

export type Validated = { ok: boolean, shown: Shown | null, problem: string | null, wayOut: string | null, };

export type PlannedWrite = { remote: RemoteName, sentence: string, changes: Array<PlannedChange>, method: string, url: string, headers: Array<string>, body: string, reliesOnVersion: string | null, sideEffects: Array<string>, };

export type PlannedChange = { field: string, label: string, before: string, after: string, };

export type PlanView = { id: string, hash: string, patientId: string, patient: string, conflictId: string | null, status: PlanStatus, grade: number, maker: string, makerIsMe: boolean, reason: string | null, approver: string | null, madeAtMs: number, writes: Array<PlannedWrite>, openFields: Array<string>, needsSecond: boolean, needsReason: boolean, mayApprove: boolean, whoCan: string | null, leftOut: Array<string>, moved: Array<string>, undoes: string | null, };

export type Approved = { plan: PlanView, operations: Array<OperationView>, };

export type OperationView = { id: string, remote: RemoteName, status: OperationStatus, attempts: number, lastError: string | null, dueAtMs: number, };

export type ReceiptView = { operationId: string, planId: string, patientId: string, patient: string, remote: RemoteName, sentence: string, changes: Array<PlannedChange>, request: string, response: string, readBack: string, verified: boolean, discrepancies: Array<string>, versionBefore: string | null, versionAfter: string | null, atMs: number, maker: string, approver: string | null, reason: string | null, undoneBy: string | null, canUndo: boolean, };

export type ReceiptList = { receipts: Array<ReceiptView>, };

export type Nothing = Record<string, never>;

export type Id = { id: string, };

export type StartRun = { patientId: string | null, planOnly: boolean, };

export type Claim = { id: string, claim: boolean, };

export type Snooze = { id: string, untilMs: number | null, reason: string, };

export type Draft = { id: string, choices: Array<FieldChoice>, };

export type ValidateOwn = { field: string, text: string, };

export type MakePlan = { conflictId: string, fingerprint: string, choices: Array<FieldChoice>, reason: string | null, };

export type Approve = { planId: string, hash: string, reason: string | null, };

export type Refuse = { planId: string, reason: string, };

export type AnswerDuplicate = { conflictId: string, candidatePatientId: string | null, answer: SameAnimal, reason: string, };

export type ReceiptQuery = { patientId: string | null, planId: string | null, offset: number, limit: number, };

export type SwitchPerson = { personId: string, };

export type Changed = { tags: Array<Tag>, id: string | null, };

export type Event = { "kind": "changed", "data": Changed } | { "kind": "progress", "data": Progress };
