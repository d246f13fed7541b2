import { IconDatabaseExclamation } from "@tabler/icons-react";
import type { StorageTrouble } from "../bindings/types";
import { Moment } from "../shared/When";
import classes from "./Shell.module.css";

/** Nothing can be stored: said on every screen for as long as it lasts, with the way out. */
export function StorageBanner({ trouble }: { trouble: StorageTrouble }) {
  return (
    <div className={classes.storage} role="alert" data-testid="storage-banner">
      <IconDatabaseExclamation size={20} aria-hidden="true" />
      <span>
        <strong>{trouble.words}</strong> {trouble.wayOut}
        <small>
          {" "}
          Since <Moment atMs={trouble.sinceMs} />.
        </small>
      </span>
    </div>
  );
}
