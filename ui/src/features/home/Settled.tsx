import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SettledItem } from "../../bindings/types";
import { Moment } from "../../shared/When";
import classes from "./Home.module.css";

const FIRST = 8;

/** What rules settled without asking, for review; each can be opened and undone. */
export function Settled({ items, total }: { items: SettledItem[]; total: number }) {
  const [all, setAll] = useState(false);
  const shown = all ? items : items.slice(0, FIRST);
  return (
    <section className={classes.card} aria-labelledby="settled-title" id="settled" tabIndex={-1}>
      <h2 id="settled-title">Settled for you{total > items.length && items.length > 0 ? `: the latest ${items.length} of ${total.toLocaleString("en")}` : ""}</h2>
      {items.length === 0 ? (
        <p className={classes.small}>Nothing yet. What a rule settles without asking is listed here, and can be undone.</p>
      ) : (
        <ul className={classes.settled} data-testid="settled-list">
          {shown.map((item) => (
            <li key={`${item.planId}-${item.atMs}`}>
              <Link to="/plans/$planId" params={{ planId: item.planId }}>
                {item.patient}
              </Link>
              <span>{item.sentence}</span>
              <small>
                <Moment atMs={item.atMs} />
              </small>
            </li>
          ))}
        </ul>
      )}
      {items.length > shown.length && (
        <Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>
          Show {items.length - shown.length} more
        </Button>
      )}
    </section>
  );
}
