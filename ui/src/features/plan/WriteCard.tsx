import { IconAlertTriangle, IconArrowRight } from "@tabler/icons-react";
import type { PlannedWrite } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { Changes } from "./Changes";
import classes from "./Plan.module.css";

/** One write: as a sentence, as before and after, and literally. */
export function WriteCard({ write, open = false }: { write: PlannedWrite; open?: boolean }) {
  return (
    <li className={classes.write} data-side={write.remote} data-testid={`write-${write.remote}`}>
      <div className={classes.writeHead}>
        <RemoteWord remote={write.remote} />
        <IconArrowRight size={15} aria-hidden="true" />
        <strong>{write.sentence}</strong>
      </div>
      <Changes changes={write.changes} />
      {write.sideEffects.map((effect) => (
        <p key={effect} className={classes.effect}>
          <IconAlertTriangle size={15} aria-hidden="true" /> This also happens: {effect}
        </p>
      ))}
      <details className={classes.literal} open={open} data-testid="literal-request">
        <summary>Exactly what is sent</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by key */}
        <pre tabIndex={0}>{`${write.method} ${write.url}\n${write.headers.join("\n")}\n\n${write.body}`}</pre>
        <p>{write.reliesOnVersion === null ? "It relies on there being no such record yet." : `It relies on version ${write.reliesOnVersion}; if that has moved, nothing is written.`}</p>
      </details>
    </li>
  );
}
