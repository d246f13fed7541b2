import { Button } from "@mantine/core";
import { IconAlertTriangle, IconDatabase, IconFileAlert, IconKey, IconPlugConnectedX, IconServer } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import type { ApiError } from "../bindings/types";
import { announce } from "../shared/announce";
import classes from "./StartProblem.module.css";

const kinds = {
  keyring: { title: "The computer's key store does not answer", icon: IconKey },
  database_key: { title: "The key does not fit VetSync's data", icon: IconKey },
  secret: { title: "A key or password is missing", icon: IconKey },
  disk: { title: "There is no room left on the disk", icon: IconServer },
  database: { title: "VetSync's data is in use", icon: IconDatabase },
  config: { title: "The configuration is not right", icon: IconFileAlert },
  unreachable: { title: "VetSync does not answer", icon: IconPlugConnectedX },
  access: { title: "You are not let in", icon: IconKey },
  other: { title: "VetSync could not start", icon: IconAlertTriangle },
};

/** The shell names the part in `field`; without it, the code and the message tell the case. */
function kindOf({ code, field, message }: ApiError): keyof typeof kinds {
  if (field === "secret") return "secret";
  const hint = `${field ?? ""} ${message}`.toLowerCase();
  if (/keyring|key store|secret service/.test(hint)) return "keyring";
  if (/disk|no space|full/.test(hint)) return "disk";
  if (/database.?key|wrong key|does not fit|decrypt/.test(hint)) return "database_key";
  if (code === "locked" || /locked|in use/.test(hint)) return "database";
  if (code === "invalid" || /config/.test(hint)) return "config";
  if (code === "offline") return "unreachable";
  if (code === "not_allowed") return "access";
  return "other";
}

export function StartProblem({ error, again, busy }: { error: ApiError; again: () => void; busy: boolean }) {
  const { title, icon: Icon } = kinds[kindOf(error)];
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
    announce(`${title}. ${error.message} ${error.wayOut}`);
  }, [title, error]);
  return (
    <main className={classes.screen} data-testid="start-problem">
      <div className={classes.card}>
        <Icon size={34} stroke={1.5} aria-hidden="true" />
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <h2>What is wrong</h2>
        <p>{error.message}</p>
        <h2>What to do</h2>
        <p className={classes.wayOut}>{error.wayOut}</p>
        <Button onClick={again} loading={busy}>
          Try again
        </Button>
        <p className={classes.safe}>Nothing was written to ServiceNow or the EHR, and nothing is lost.</p>
      </div>
    </main>
  );
}
