import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { WorkSearch } from "../../app/router";
import type { ConflictItem, ConflictList } from "../../bindings/types";
import { useHost } from "../../host/context";
import type { CallFailed } from "../../host/types";

const CHUNK = 500;

/** All conflicts that match, fetched in chunks in the background so that grouping sees every one. */
export function useConflicts({ text, grade, field, cause, status }: WorkSearch) {
  const host = useHost();
  const wanted = { text: text ?? "", grade: grade ?? null, field: field ?? null, cause: cause ?? null, status: status ?? null };
  const query = useInfiniteQuery<ConflictList, CallFailed, { items: ConflictItem[]; total: number }, readonly unknown[], number>({
    queryKey: ["conflicts", "conflicts.list", wanted],
    queryFn: ({ pageParam }) => host.call("conflicts.list", { ...wanted, offset: pageParam, limit: CHUNK }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const loaded = pages.reduce((sum, page) => sum + page.items.length, 0);
      return last.items.length > 0 && loaded < last.total ? loaded : undefined;
    },
    select: ({ pages }) => ({ items: pages.flatMap((page) => page.items), total: pages[0]?.total ?? 0 }),
    placeholderData: keepPreviousData,
  });
  const { hasNextPage, isFetching, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  return query;
}
