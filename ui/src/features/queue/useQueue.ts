import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import type { QueueSearch } from "../../app/router";
import type { OperationStatus, QueueCounts, QueueLane, QueueList, WaitingPlan } from "../../bindings/types";
import { useHost } from "../../host/context";
import type { CallFailed } from "../../host/types";

/** Lanes asked for at once. */
const CHUNK = 100;

const statesOf: Record<NonNullable<QueueSearch["state"]>, OperationStatus[]> = {
  waiting: ["waiting"],
  trying: ["running", "retrying"],
  parked: ["parked"],
  done: ["done"],
  cancelled: ["cancelled"],
};

export interface QueueRead {
  lanes: QueueLane[];
  total: number;
  counts: QueueCounts;
  waitingPlans: WaitingPlan[];
  waitingPlansTotal: number;
}

/** The lanes that match, fetched as one scrolls: after a long outage there are more than a screen ever needs. */
export function useQueue({ state, remote, cause, patient }: QueueSearch) {
  const host = useHost();
  const wanted = { states: state ? statesOf[state] : [], remote: remote ?? null, cause: cause ?? null, patientId: patient ?? null };
  return useInfiniteQuery<QueueList, CallFailed, QueueRead | null, readonly unknown[], number>({
    queryKey: ["queue", "queue.list", wanted],
    queryFn: ({ pageParam }) => host.call("queue.list", { ...wanted, offset: pageParam, limit: CHUNK }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const loaded = pages.reduce((sum, page) => sum + page.lanes.length, 0);
      return last.lanes.length > 0 && loaded < last.total ? loaded : undefined;
    },
    select: ({ pages }) => {
      const last = pages.at(-1);
      return last ? { lanes: onlyOnce(pages.flatMap((page) => page.lanes)), total: last.total, counts: last.counts, waitingPlans: last.waitingPlans, waitingPlansTotal: last.waitingPlansTotal } : null;
    },
    placeholderData: keepPreviousData,
  });
}

/** Between two chunks a lane may have moved from the one into the other. */
function onlyOnce(lanes: QueueLane[]): QueueLane[] {
  const seen = new Set<string>();
  return lanes.filter(({ patientId }) => !seen.has(patientId) && seen.add(patientId));
}
