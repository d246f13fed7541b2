import type { CompareView, FieldChoice } from "../../bindings/types";

export interface Kept {
  seen: CompareView;
  choices: FieldChoice[];
  reason: string;
}

/**
 * Work under way, kept while the window is open, so that a conflict which moved reopens with what was done.
 * In memory only: patient data belongs in no browser storage. The draft itself is saved by the engine.
 */
const kept = new Map<string, Kept>();

const keyOf = (conflictId: string, personId: string) => `${personId} ${conflictId}`;

export const keptWork = (conflictId: string, personId: string): Kept | undefined => kept.get(keyOf(conflictId, personId));

export function keepWork(conflictId: string, personId: string, work: Kept): void {
  kept.set(keyOf(conflictId, personId), work);
}

/** For the end of a session. */
export function forgetAllWork(): void {
  kept.clear();
}

export function forgetWork(conflictId: string): void {
  for (const key of [...kept.keys()]) if (key.endsWith(` ${conflictId}`)) kept.delete(key);
}
