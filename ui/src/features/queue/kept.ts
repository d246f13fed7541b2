export interface KeptEdit {
  /** As typed, by field; what was not touched is not in it. */
  texts: Record<string, string>;
  reason: string;
}

/** Corrections under way, kept while the window is open. In memory only: patient data belongs in no browser storage. */
const kept = new Map<string, KeptEdit>();

const keyOf = (operationId: string, personId: string) => `${personId} ${operationId}`;

export const keptEdit = (operationId: string, personId: string): KeptEdit => kept.get(keyOf(operationId, personId)) ?? { texts: {}, reason: "" };

export function keepEdit(operationId: string, personId: string, edit: KeptEdit): void {
  kept.set(keyOf(operationId, personId), edit);
}

export function forgetEdit(operationId: string): void {
  for (const key of [...kept.keys()]) if (key.endsWith(` ${operationId}`)) kept.delete(key);
}

/** For the end of a session. */
export function forgetAllEdits(): void {
  kept.clear();
}
