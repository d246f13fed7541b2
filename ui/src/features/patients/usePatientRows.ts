import { useQueries } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import type { PatientPageRows, PatientRow, PatientStatus } from "../../bindings/types";
import { read } from "../../data/client";
import { useHost } from "../../host/context";
import { asCallFailed, type CallFailed } from "../../host/types";

/** More than a screen shows, and little to hand over with every letter. */
const PAGE_ROWS = 50;

export interface PatientRows {
  total: number;
  capped: boolean;
  tookMs: number | null;
  /** Undefined while its page is on the way. */
  row(index: number): PatientRow | undefined;
  /** Nothing has been found out yet. */
  pending: boolean;
  /** The rows are those of the question before; the answer is on the way. */
  stale: boolean;
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
    queries: pages.map((page) => read(host, "patients.search", { query, status, offset: page * PAGE_ROWS, limit: PAGE_ROWS })),
  });
  // The first page stays until the next answer: with rows that go and come, every letter would draw the list twice.
  // (`keepPreviousData` does not do that in useQueries: each question is another observer.)
  const known = useRef<PatientPageRows | null>(null);
  const answer = answers[0]?.data;
  if (answer) known.current = answer;
  const top = answer ?? known.current;
  const failed = answers.find((answer) => answer.error);
  return {
    total: top?.total ?? 0,
    capped: top?.capped ?? false,
    tookMs: top?.tookMs ?? null,
    row: (index) => (index < PAGE_ROWS ? top : answers[pages.indexOf(Math.floor(index / PAGE_ROWS))]?.data)?.rows[index % PAGE_ROWS],
    pending: top === null,
    stale: answer === undefined,
    error: failed ? asCallFailed(failed.error) : null,
    again: () => {
      for (const answer of answers) if (answer.error) void answer.refetch();
    },
  };
}
