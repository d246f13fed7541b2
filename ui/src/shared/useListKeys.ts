import { useEffect, useState } from "react";
import { useKeys } from "../keyboard/useKeys";

interface Options {
  count: number;
  group: string;
  open: (index: number) => void;
  scrollTo: (index: number) => void;
  /** The list starts at the top again when this changes. */
  resetKey: string;
}

/** J/K, arrows, page keys and Enter over a list whose rows may not all exist in the document. */
export function useListKeys({ count, group, open, scrollTo, resetKey }: Options) {
  const [active, setActive] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new question starts at its first answer
  useEffect(() => setActive(0), [resetKey]);
  const last = Math.max(0, count - 1);
  const at = Math.min(active, last);
  const go = (index: number) => {
    const next = Math.max(0, Math.min(last, index));
    setActive(next);
    scrollTo(next);
  };
  const down = () => go(at + 1);
  const up = () => go(at - 1);
  useKeys(
    count === 0
      ? []
      : [
          { key: "j", says: "Next row", group, run: down },
          { key: "k", says: "Row before", group, run: up },
          { key: "arrowdown", says: "Next row", group, run: down },
          { key: "arrowup", says: "Row before", group, run: up },
          { key: "pagedown", says: "A page down", group, run: () => go(at + 20) },
          { key: "pageup", says: "A page up", group, run: () => go(at - 20) },
          { key: "home", says: "First row", group, run: () => go(0) },
          { key: "end", says: "Last row", group, run: () => go(last) },
          { key: "enter", says: "Open the row", group, run: () => open(at) },
        ],
  );
  return { active: at, setActive };
}
