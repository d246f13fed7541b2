// Generated from crates/console-api. Do not edit by hand.

import type { AnswerDuplicate, Approve, Approved, Claim, CompareView, ConflictItem, ConflictList, ConflictQuery, Draft, Home, Id, MakePlan, Nothing, PatientPage, PatientPageRows, PatientSearch, PlanView, RawPair, ReceiptList, ReceiptQuery, Refuse, RunView, Session, Snooze, StartRun, SwitchPerson, ValidateOwn, Validated } from "./types";

export interface Commands {
  "session.get": { request: Nothing; response: Session };
  "session.switch": { request: SwitchPerson; response: Session };
  "home.get": { request: Nothing; response: Home };
  "run.start": { request: StartRun; response: RunView };
  "run.stop": { request: Id; response: RunView };
  "patients.search": { request: PatientSearch; response: PatientPageRows };
  "patients.get": { request: Id; response: PatientPage };
  "patients.verify": { request: Id; response: PatientPage };
  "patients.raw": { request: Id; response: RawPair };
  "conflicts.list": { request: ConflictQuery; response: ConflictList };
  "conflicts.get": { request: Id; response: CompareView };
  "conflicts.claim": { request: Claim; response: ConflictItem };
  "conflicts.snooze": { request: Snooze; response: ConflictItem };
  "conflicts.draft": { request: Draft; response: Nothing };
  "conflicts.answer": { request: AnswerDuplicate; response: PlanView };
  "values.validate": { request: ValidateOwn; response: Validated };
  "plans.make": { request: MakePlan; response: PlanView };
  "plans.get": { request: Id; response: PlanView };
  "plans.approve": { request: Approve; response: Approved };
  "plans.refuse": { request: Refuse; response: PlanView };
  "plans.undo": { request: Id; response: PlanView };
  "receipts.list": { request: ReceiptQuery; response: ReceiptList };
}

export const commandNames = [
  "session.get",
  "session.switch",
  "home.get",
  "run.start",
  "run.stop",
  "patients.search",
  "patients.get",
  "patients.verify",
  "patients.raw",
  "conflicts.list",
  "conflicts.get",
  "conflicts.claim",
  "conflicts.snooze",
  "conflicts.draft",
  "conflicts.answer",
  "values.validate",
  "plans.make",
  "plans.get",
  "plans.approve",
  "plans.refuse",
  "plans.undo",
  "receipts.list",
] as const;
