import { useDebouncedValue } from "@mantine/hooks";
import type { Validated } from "../../bindings/types";
import { useRead } from "../../data/useRead";

const TYPING_MS = 250;

export interface OwnCheck {
  checking: boolean;
  checked: Validated | null;
}

/** Checks a value as it is typed, by the engine's own rules. */
export function useOwnValue(field: string, text: string, enabled: boolean): OwnCheck {
  const [settled] = useDebouncedValue(text, TYPING_MS);
  const answer = useRead("values.validate", { field, text: settled }, { enabled, staleTime: Number.POSITIVE_INFINITY });
  const current = enabled && settled === text;
  return { checking: enabled && (!current || answer.isPending), checked: current ? (answer.data ?? null) : null };
}
