import type { FieldChoice, FieldView, PlannedWrite, PlanView, ReceiptView, RemoteName } from "../../bindings/types";
import type { SampleConflict } from "./conflicts";

const remoteLabel = (remote: RemoteName): string => (remote === "service_now" ? "ServiceNow" : "the EHR");

/** The value that a choice leads to, or null when the field stays open. */
function chosenText(field: FieldView, choice: FieldChoice): string | null {
  switch (choice.choice) {
    case "take_service_now":
      return field.serviceNow.text;
    case "take_last_agreed":
      return field.lastAgreed.text;
    case "take_ehr":
      return field.ehr.text;
    case "own":
      return choice.own ?? "";
    case "keep_both":
      return [...new Set([...field.serviceNow.items, ...field.ehr.items])].join(", ");
    case "leave_open":
      return null;
  }
}

export function plannedWrites(conflict: SampleConflict, choices: FieldChoice[]): PlannedWrite[] {
  const sides: RemoteName[] = ["service_now", "ehr"];
  return sides.flatMap((remote) => {
    const changes = conflict.fields.flatMap((field) => {
      const choice = choices.find((one) => one.field === field.field);
      const after = choice ? chosenText(field, choice) : null;
      const before = remote === "service_now" ? field.serviceNow.text : field.ehr.text;
      return after === null || after === before ? [] : [{ field: field.field, label: field.label, before, after }];
    });
    return changes.length === 0 ? [] : [writeOf(remote, conflict.row.id, changes)];
  });
}

export function writeOf(remote: RemoteName, patientId: string, changes: PlannedWrite["changes"]): PlannedWrite {
  const serviceNow = remote === "service_now";
  const body = serviceNow
    ? Object.fromEntries(changes.map((change) => [`u_${change.field.split(".")[1]}`, change.after]))
    : {
        resourceType: "Bundle",
        type: "collection",
        entry: [{ resource: { resourceType: "Patient", id: patientId, extension: changes.map((change) => ({ url: change.field, valueString: change.after })) } }],
      };
  return {
    remote,
    sentence: `Change ${changes.map((change) => change.label.toLowerCase()).join(", ")} in ${remoteLabel(remote)}`,
    changes,
    method: serviceNow ? "PATCH" : "PUT",
    url: serviceNow ? `/api/now/table/u_patient_record/${patientId}` : `/api/v1/patients/${patientId}`,
    headers: ["Content-Type: application/json", ...(serviceNow ? [] : ['If-Match: W/"7"'])],
    body: JSON.stringify(body, null, 2),
    reliesOnVersion: serviceNow ? "12" : 'W/"7"',
    sideEffects: changes.some((change) => change.field.startsWith("patient.owner")) ? ["ServiceNow sends the owner a note that the contact data changed."] : [],
  };
}

export function receiptOf(plan: PlanView, write: PlannedWrite, index: number): ReceiptView {
  return {
    operationId: `${plan.id}-o${index}`,
    planId: plan.id,
    patientId: plan.patientId,
    patient: plan.patient,
    remote: write.remote,
    sentence: write.sentence.replace(/^Change/, "Changed"),
    changes: write.changes,
    request: `${write.method} ${write.url}\n${write.headers.join("\n")}\n\n${write.body}`,
    response: "200 OK",
    readBack: JSON.stringify(Object.fromEntries(write.changes.map((change) => [change.field, change.after])), null, 2),
    verified: true,
    discrepancies: [],
    versionBefore: write.reliesOnVersion,
    versionAfter: write.remote === "service_now" ? "13" : 'W/"8"',
    atMs: Date.now(),
    maker: plan.maker,
    approver: plan.approver,
    reason: plan.reason,
    undoneBy: null,
    canUndo: plan.undoes === null,
    notUndoableBecause: plan.undoes === null ? null : "This is an undo itself.",
  };
}

/** The compensating plan: what was written is put back, except what changed since. */
export function undoPlan(id: string, receipts: ReceiptView[], maker: string): PlanView {
  const first = receipts[0];
  if (!first) throw new Error("nothing to undo");
  return {
    id,
    hash: `hash-${id}`,
    patientId: first.patientId,
    patient: first.patient,
    conflictId: null,
    status: "draft",
    grade: 3,
    maker,
    makerIsMe: true,
    reason: null,
    approver: null,
    madeAtMs: Date.now(),
    writes: receipts.map((receipt) =>
      writeOf(
        receipt.remote,
        receipt.patientId,
        receipt.changes.map((change) => ({ ...change, before: change.after, after: change.before })),
      ),
    ),
    openFields: [],
    needsSecond: false,
    needsReason: false,
    mayApprove: true,
    whoCan: null,
    leftOut: [],
    moved: [],
    waits: null,
    mayWithdraw: false,
    undoes: first.planId,
    replaces: null,
  };
}
