import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ReportFigure, ReportRow, ReportTable, ReportView } from "../../bindings/types";
import { useMay } from "../../data/session";
import classes from "./Report.module.css";

function Figure({ figure }: { figure: ReportFigure }) {
  return (
    <div data-testid={`figure-${figure.id}`}>
      <dt>{figure.label}</dt>
      <dd>
        <strong>{figure.value.text}</strong>
        {figure.before.text !== "" && <small>before: {figure.before.text}</small>}
      </dd>
    </div>
  );
}

/** The first cell names its row, and leads to what it is about where this person may go there. */
function RowName({ table, row }: { table: ReportTable; row: ReportRow }) {
  const seesQuestions = useMay("see_conflicts");
  const first: ReactNode = row.name || row.cells[0]?.text;
  if (row.leadsTo === null) return first;
  if (table.id === "runs") {
    return (
      <Link to="/reconciliation/$runId" params={{ runId: row.leadsTo }}>
        {first}
      </Link>
    );
  }
  return seesQuestions ? (
    <Link to="/work/$conflictId" params={{ conflictId: row.leadsTo }}>
      {first}
    </Link>
  ) : (
    first
  );
}

function Table({ table }: { table: ReportTable }) {
  const named = table.rows.some(({ name }) => name !== null);
  return (
    <div className={classes.section} data-testid={`table-${table.id}`}>
      <h2 id={`report-${table.id}`}>{table.title}</h2>
      {table.rows.length === 0 ? (
        <p className={classes.none}>{table.empty}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        <section className={classes.scroll} tabIndex={0} aria-labelledby={`report-${table.id}`}>
          <table className={classes.table}>
            <thead>
              <tr>
                {table.columns.map((column, index) => (
                  <th key={column.id} scope="col" className={column.figures ? classes.figure : undefined}>
                    {index === 0 && named ? "Patient" : column.heading}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row, number) => (
                <tr key={row.leadsTo ?? `${number} ${row.cells[0]?.text}`} data-testid={`${table.id}-row`}>
                  {row.cells.map((cell, index) =>
                    index === 0 ? (
                      <th key={table.columns[index]?.id} scope="row">
                        <RowName table={table} row={row} />
                      </th>
                    ) : (
                      <td key={table.columns[index]?.id} className={table.columns[index]?.figures ? classes.figure : undefined}>
                        {cell.text}
                      </td>
                    ),
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {table.leftOut > 0 && <p className={classes.none}>and {table.leftOut.toLocaleString("en")} more</p>}
    </div>
  );
}

/** What a report says: sentences first, then the figures, then the tables. */
export function ReportBody({ report, stale = false }: { report: ReportView; stale?: boolean }) {
  return (
    <div className={classes.report} data-stale={stale} data-testid="report">
      <ul className={classes.notes} data-testid="report-notes">
        {report.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
      <dl className={classes.summary} data-testid="report-summary">
        {report.summary.map((figure) => (
          <Figure key={figure.id} figure={figure} />
        ))}
      </dl>
      {report.tables.map((table) => (
        <Table key={table.id} table={table} />
      ))}
    </div>
  );
}
