import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useRef, useState } from "react";
import type { PatientRow } from "../../bindings/types";
import listbox from "../../shared/Listbox.module.css";
import { SpeciesIcon } from "../../shared/Species";
import { PatientStatusWord } from "../../shared/Status";
import { useListKeys } from "../../shared/useListKeys";
import { kindWords } from "../../words/words";
import classes from "./Patients.module.css";
import type { PatientRows } from "./usePatientRows";

const ROW_PX = 38;
/** Rows kept above and below those in sight; each of them is drawn anew with every letter. */
const OUT_OF_SIGHT = 6;
const headings = ["Patient", "Species and breed", "Owner", "Phone", "Microchip", "Born", "Status"];

interface Props {
  rows: PatientRows;
  resetKey: string;
  setSight: (sight: { first: number; last: number }) => void;
  open: (id: string) => void;
}

/** A grid of which only the rows in sight exist; the selected one is told by aria-activedescendant. */
export function PatientGrid({ rows, resetKey, setSight, open }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.total, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: OUT_OF_SIGHT, initialRect: { width: 1000, height: 600 } });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => setSight({ first, last }), [first, last, setSight]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new question is read from its top
  useEffect(() => {
    // Scrolling lays everything out at once, which no letter should wait for.
    if (virtual.scrollOffset) virtual.scrollToOffset(0);
    setWanted(null);
  }, [resetKey]);
  const openAt = (index: number) => {
    const row = rows.row(index);
    if (row) open(row.id);
    else setWanted(index);
  };
  // Enter pressed before the row has come: it opens as soon as it is there.
  const [wanted, setWanted] = useState<number | null>(null);
  const arrived = wanted === null ? undefined : rows.row(wanted)?.id;
  useEffect(() => {
    if (arrived) open(arrived);
  }, [arrived, open]);
  const { active, setActive } = useListKeys({ count: rows.total, group: "Patients", open: openAt, scrollTo: (index) => virtual.scrollToIndex(index), resetKey });
  const visible = items.some((item) => item.index === active);
  // One function for all lines and all renderings, so that a line is drawn anew only when it changes.
  const chosen = useRef((_index: number) => {});
  chosen.current = (index) => {
    setActive(index);
    const row = rows.row(index);
    if (row) open(row.id);
  };
  const choose = useCallback((index: number) => chosen.current(index), []);

  return (
    <div className={listbox.frame}>
      <div
        id="patient-grid"
        ref={scroller}
        className={listbox.list}
        role="grid"
        tabIndex={0}
        aria-label="Patients"
        aria-rowcount={rows.total + 1}
        aria-colcount={headings.length}
        aria-activedescendant={visible ? `patient-row-${active}` : undefined}
        data-testid="patient-grid"
      >
        <div role="row" aria-rowindex={1} className={classes.head}>
          {headings.map((heading) => (
            <span key={heading} role="columnheader">
              {heading}
            </span>
          ))}
        </div>
        <div role="presentation" className={classes.body} style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows.row(item.index);
            return <PatientLine key={item.key} index={item.index} top={item.start} row={row} selected={item.index === active} choose={choose} />;
          })}
        </div>
      </div>
    </div>
  );
}

interface LineProps {
  index: number;
  top: number;
  /** Undefined while it is on the way. */
  row: PatientRow | undefined;
  selected: boolean;
  choose: (index: number) => void;
}

const PatientLine = memo(function PatientLine({ index, top, row, selected, choose }: LineProps) {
  return (
    <div
      id={`patient-row-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      className={classes.row}
      style={{ transform: `translateY(${top}px)`, height: ROW_PX }}
      onClick={() => choose(index)}
      onKeyDown={undefined}
      data-testid="patient-row"
    >
      <span role="gridcell" className={classes.name}>
        {row ? (
          <>
            <SpeciesIcon species={row.species} />
            {row.name}
            {row.deceased && <small>deceased</small>}
          </>
        ) : (
          <span className={classes.coming}>…</span>
        )}
      </span>
      <span role="gridcell">{row && kindWords(row.species, row.breed)}</span>
      <span role="gridcell">{row?.owner}</span>
      <span role="gridcell" className={classes.number}>
        {row?.phone}
      </span>
      <span role="gridcell" className={classes.number}>
        {row?.chip}
      </span>
      <span role="gridcell" className={classes.number}>
        {row?.born}
      </span>
      <span role="gridcell" title={row?.differing.join(", ") || undefined}>
        {row && <PatientStatusWord status={row.status} />}
      </span>
    </div>
  );
});
