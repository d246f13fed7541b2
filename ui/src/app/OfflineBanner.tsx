import { IconCloudOff } from "@tabler/icons-react";
import type { RemoteState } from "../bindings/types";
import classes from "./Shell.module.css";

/** Being cut off is not a block: everything can be read and decided, and is sent later. */
export function OfflineBanner({ remotes }: { remotes: RemoteState[] }) {
  const silent = remotes.filter((remote) => remote.health !== "answering").map((remote) => remote.label);
  return (
    <div className={classes.offline} role="status" data-testid="offline-banner">
      <IconCloudOff size={18} aria-hidden="true" />
      <span>
        {silent.length > 0 ? `${silent.join(" and ")} ${silent.length === 1 ? "does" : "do"} not answer. ` : ""}
        You see what VetSync last read. Decisions are kept and sent when the connection is back.
      </span>
    </div>
  );
}
