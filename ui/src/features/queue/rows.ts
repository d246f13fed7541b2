import type { QuarantineCauseView, QuarantineItem, QueueCause, QueueItem, QueueLane } from "../../bindings/types";

export type QueueRow = { kind: "cause"; id: string; cause: QueueCause } | { kind: "operation"; id: string; item: QueueItem; lane: QueueLane; position: number };

/** Lanes one below the other, each in the order in which its writes are carried out. */
export const laneRows = (lanes: QueueLane[]): QueueRow[] => lanes.flatMap((lane) => lane.operations.map((item, position): QueueRow => ({ kind: "operation", id: item.id, item, lane, position })));

/** What failed alike, the largest group first. */
export const causeRows = (causes: QueueCause[]): QueueRow[] =>
  [...causes].sort((one, other) => other.count - one.count || one.oldestAtMs - other.oldestAtMs).map((cause) => ({ kind: "cause", id: cause.cause, cause }));

export type EntryRow = { kind: "cause"; id: string; cause: QuarantineCauseView } | { kind: "entry"; id: string; item: QuarantineItem };

export const entryRows = (items: QuarantineItem[]): EntryRow[] => items.map((item) => ({ kind: "entry", id: item.id, item }));

export const entryCauseRows = (causes: QuarantineCauseView[]): EntryRow[] => causes.map((cause) => ({ kind: "cause", id: cause.cause, cause }));

const ROW_PX = 68;
const STACKED_PX = 132;

/** On a narrow window the state stands below. */
export const queueRowPx = (_row: unknown, narrow: boolean): number => (narrow ? STACKED_PX : ROW_PX);
