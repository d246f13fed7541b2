import { useState } from "react";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { RemoteWord } from "../../shared/sides";
import { Waiting } from "../../shared/Waiting";
import classes from "./Patient.module.css";

/** Indented when it is JSON, as it came otherwise. */
function pretty(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}

function Raw({ id }: { id: string }) {
  const raw = useRead("patients.raw", { id });
  if (raw.isPending) return <Waiting what="Reading the raw records" lines={4} />;
  if (!raw.data) return <Failure thrown={raw.error} again={() => void raw.refetch()} />;
  const sides = [["service_now", raw.data.serviceNow] as const, ["ehr", raw.data.ehr] as const];
  return (
    <div className={classes.raw} data-testid="raw">
      {sides.map(([remote, text]) => (
        <section key={remote} aria-label={`Raw record of ${remote === "ehr" ? "the EHR" : "ServiceNow"}`}>
          <RemoteWord remote={remote} />
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by key */}
          <pre tabIndex={0}>{text === null ? "no record here" : pretty(text)}</pre>
        </section>
      ))}
    </div>
  );
}

export function RawRecords({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <section className={classes.card} aria-labelledby="raw-title">
      <div className={classes.cardHead}>
        <h2 id="raw-title">Exactly as the systems sent it</h2>
        <KeyButton shortcut="w" says={open ? "Hide raw records" : "Show raw records"} group="Patient" run={() => setOpen(!open)} data-testid="toggle-raw" />
      </div>
      {open && <Raw id={id} />}
    </section>
  );
}
