import type { QueueCause, QueueItem, QueueLane } from "../../bindings/types";

export type QueueRow = { kind: "cause"; id: string; cause: QueueCause } | { kind: "operation"; id: string; item: QueueItem; lane: QueueLane; position: number };

/** Lanes one below the other, each in the order in which its writes are carried out. */
export const laneRows = (lanes: QueueLane[]): QueueRow[] => lanes.flatMap((lane) => lane.operations.map((item, position): QueueRow => ({ kind: "operation", id: item.id, item, lane, position })));

/** What failed alike, the largest group first. */
export const causeRows = (causes: QueueCause[]): QueueRow[] =>
  [...causes].sort((one, other) => other.count - one.count || one.oldestAtMs - other.oldestAtMs).map((cause) => ({ kind: "cause", id: cause.cause, cause }));
