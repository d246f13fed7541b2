import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import type { UnreadableSearch } from "../../app/router";
import type { QuarantineCauseView, QuarantineItem, QuarantineList } from "../../bindings/types";
import { useHost } from "../../host/context";
import type { CallFailed } from "../../host/types";

const CHUNK = 200;

interface Entries {
  items: QuarantineItem[];
  total: number;
  causes: QuarantineCauseView[];
  eventsWaiting: number;
}

/** What could not be read, as far as one scrolls. */
export function useEntries({ status, remote, cause }: UnreadableSearch) {
  const host = useHost();
  const wanted = { status: status ?? ("open" as const), remote: remote ?? null, cause: cause ?? null };
  return useInfiniteQuery<QuarantineList, CallFailed, Entries | null, readonly unknown[], number>({
    queryKey: ["quarantine", "quarantine.list", wanted],
    queryFn: ({ pageParam }) => host.call("quarantine.list", { ...wanted, offset: pageParam, limit: CHUNK }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const loaded = pages.reduce((sum, page) => sum + page.items.length, 0);
      return last.items.length > 0 && loaded < last.total ? loaded : undefined;
    },
    select: ({ pages }) => {
      const last = pages.at(-1);
      return last ? { ...last, items: pages.flatMap((page) => page.items) } : null;
    },
    placeholderData: keepPreviousData,
  });
}
