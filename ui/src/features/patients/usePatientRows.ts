import { keepPreviousData, useQueries } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import type { PatientRow, PatientStatus } from "../../bindings/types";
import { read } from "../../data/client";
import { useHost } from "../../host/context";
import { asCallFailed, type CallFailed } from "../../host/types";

const PAGE_ROWS = 100;

export interface PatientRows {
  total: number;
  capped: boolean;
  tookMs: number | null;
  /** Undefined while its page is on the way. */
  row(index: number): PatientRow | undefined;
  pending: boolean;
  error: CallFailed | null;
  again: () => void;
}

/** The pages of the list that are in sight, by offset; the total comes with the first. */
export function usePatientRows(query: string, status: PatientStatus | null, first: number, last: number): PatientRows {
  const host = useHost();
  const pages = useMemo(() => {
    const from = Math.floor(first / PAGE_ROWS);
    const to = Math.max(from, Math.floor(last / PAGE_ROWS));
    return [...new Set([0, ...Array.from({ length: to - from + 1 }, (_, index) => from + index)])];
  }, [first, last]);
  const answers = useQueries({
    queries: pages.map((page) => ({ ...read(host, "patients.search", { query, status, offset: page * PAGE_ROWS, limit: PAGE_ROWS }), ...(page === 0 ? { placeholderData: keepPreviousData } : {}) })),
  });
  const known = useRef<{ total: number; capped: boolean; tookMs: number } | null>(null);
  const top = answers[0]?.data;
  if (top) known.current = top;
  const failed = answers.find((answer) => answer.error);
  return {
    total: top?.total ?? known.current?.total ?? 0,
    capped: top?.capped ?? false,
    tookMs: top?.tookMs ?? null,
    row: (index) => answers[pages.indexOf(Math.floor(index / PAGE_ROWS))]?.data?.rows[index % PAGE_ROWS],
    pending: answers[0]?.isPending ?? true,
    error: failed ? asCallFailed(failed.error) : null,
    again: () => {
      for (const answer of answers) if (answer.error) void answer.refetch();
    },
  };
}
