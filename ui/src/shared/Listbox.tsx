import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef } from "react";
import { mayTakeFocus } from "./arriving";
import classes from "./Listbox.module.css";
import { useListKeys } from "./useListKeys";

/** Below this the parts of a row stand one below the other. */
const NARROW = "(max-width: 860px)";
/** So many rows before the end the next ones are fetched. */
const AHEAD = 20;

interface Props<Row> {
  /** Of the element; the rows' ids begin with it. */
  id: string;
  rows: readonly Row[];
  /** What it lists, for screen readers. */
  label: string;
  /** Under which its keys stand in the help. */
  group: string;
  /** The list starts at the top again when this changes. */
  resetKey: string;
  heightPx: (row: Row, narrow: boolean) => number;
  show: (row: Row) => ReactNode;
  testId: (row: Row) => string;
  /** Enter, or a click. */
  open: (row: Row) => void;
  /** Told which row is marked, whenever that changes. */
  setActive: (row: Row | null) => void;
  /** The rows still answer the question before. */
  stale: boolean;
  /** The end comes into sight. */
  nearEnd?: () => void;
}

/** A list that may be long and moves while one looks at it. Only the rows in sight exist; the mark stays on its row. */
export function Listbox<Row extends { id: string }>({ id, rows, label, group, resetKey, heightPx, show, testId, open, setActive: tell, stale, nearEnd }: Props<Row>) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => {
      const row = rows[index];
      return row ? heightPx(row, narrow) : 0;
    },
    // Another function for other rows: then their places are computed anew.
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    overscan: 8,
    initialRect: { width: 1000, height: 600 },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: places are computed anew when rows stack
  useEffect(() => virtual.measure(), [narrow]);
  const act = (index: number) => {
    const row = rows[index];
    if (row) open(row);
  };
  const { active, setActive } = useListKeys({ count: rows.length, group, open: act, scrollTo: (index) => virtual.scrollToIndex(index), resetKey });
  const current = rows[active] ?? null;
  const followed = useRef<{ id: string; resetKey: string } | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only new rows can move the mark; a key moves it itself
  useLayoutEffect(() => {
    // Rows come and go while one looks: the mark stays on the row, not on its place.
    const before = followed.current;
    const moved = before?.resetKey === resetKey ? rows.findIndex((row) => row.id === before.id) : -1;
    if (moved >= 0) setActive(moved);
  }, [rows]);
  useEffect(() => {
    if (current) followed.current = { id: current.id, resetKey };
    tell(current);
  }, [current, tell, resetKey]);
  useEffect(() => {
    if (mayTakeFocus()) scroller.current?.focus({ preventScroll: true });
  }, []);
  const shown = virtual.getVirtualItems();
  const furthest = Math.max(active, shown.at(-1)?.index ?? 0);
  useEffect(() => {
    if (furthest + AHEAD >= rows.length) nearEnd?.();
  }, [furthest, rows.length, nearEnd]);

  return (
    <div className={classes.frame}>
      <div
        id={id}
        ref={scroller}
        className={classes.list}
        role="listbox"
        tabIndex={0}
        aria-label={label}
        aria-busy={stale}
        aria-activedescendant={rows.length > 0 ? `${id}-${active}` : undefined}
        data-testid={id}
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {shown.map((place) => {
            const row = rows[place.index];
            if (!row) return null;
            return (
              <div
                key={place.key}
                id={`${id}-${place.index}`}
                role="option"
                aria-selected={place.index === active}
                aria-setsize={rows.length}
                aria-posinset={place.index + 1}
                className={classes.place}
                style={{ transform: `translateY(${place.start}px)`, height: place.size }}
                onClick={() => {
                  setActive(place.index);
                  act(place.index);
                }}
                onKeyDown={undefined}
                data-testid={testId(row)}
              >
                {show(row)}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
