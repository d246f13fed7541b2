import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { ConflictItem } from "../../bindings/types";
import { mayTakeFocus } from "../../shared/arriving";
import { useListKeys } from "../../shared/useListKeys";
import { ConflictRow } from "./ConflictRow";
import { GroupRow } from "./GroupRow";
import type { WorkRow } from "./grouping";
import classes from "./Work.module.css";

const ROW_PX = 72;
/** On a narrow window the values stand below. */
const STACKED_PX = { values: 140, none: 104 };
const GROUP_PX = 42;
const NARROW = "(max-width: 860px)";

function heightOf(row: WorkRow | undefined, narrow: boolean): number {
  if (row?.kind === "group") return GROUP_PX;
  if (!narrow) return ROW_PX;
  return row && row.item.serviceNowShort !== null && row.item.ehrShort !== null ? STACKED_PX.values : STACKED_PX.none;
}

interface Props {
  rows: WorkRow[];
  resetKey: string;
  open: (item: ConflictItem) => void;
  toggle: (key: string) => void;
  setActive: (item: ConflictItem | null) => void;
  /** The rows still answer the question before. */
  stale: boolean;
}

export function WorkListbox({ rows, resetKey, open, toggle, setActive: tell, stale }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => heightOf(rows[index], narrow),
    getItemKey: (index) => {
      const row = rows[index];
      return row?.kind === "group" ? `g-${row.key}` : (row?.item.id ?? index);
    },
    overscan: 8,
    initialRect: { width: 1000, height: 600 },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: places are computed anew when rows change or stack
  useEffect(() => virtual.measure(), [narrow, rows]);
  const act = (index: number) => {
    const row = rows[index];
    if (row?.kind === "group") toggle(row.key);
    else if (row) open(row.item);
  };
  const { active, setActive } = useListKeys({ count: rows.length, group: "Work list", open: act, scrollTo: (index) => virtual.scrollToIndex(index), resetKey });
  const current = rows[active];
  const item = current?.kind === "conflict" ? current.item : null;
  useEffect(() => tell(item), [item, tell]);
  useEffect(() => {
    if (mayTakeFocus()) scroller.current?.focus({ preventScroll: true });
  }, []);

  return (
    <div className={classes.frame}>
      <div
        id="work-list"
        ref={scroller}
        className={classes.list}
        role="listbox"
        tabIndex={0}
        aria-label="Conflicts"
        aria-busy={stale}
        aria-activedescendant={rows.length > 0 ? `work-row-${active}` : undefined}
        data-testid="work-list"
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((place) => {
            const row = rows[place.index];
            if (!row) return null;
            return (
              <div
                key={place.key}
                id={`work-row-${place.index}`}
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
                data-testid={row.kind === "group" ? "work-group" : "work-row"}
              >
                {row.kind === "group" ? <GroupRow row={row} /> : <ConflictRow item={row.item} inGroup={row.inGroup} />}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
