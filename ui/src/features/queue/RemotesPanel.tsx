import { useRead } from "../../data/useRead";
import { Failure } from "../../shared/Failure";
import { Waiting } from "../../shared/Waiting";
import { Incident } from "./Incident";
import classes from "./Queue.module.css";
import { RemoteCard } from "./RemoteCard";

/** The two systems as IT sees them, with what is wrong beside the one that it is about. */
export function RemotesPanel() {
  const status = useRead("remotes.status", {});
  if (status.isPending)
    return (
      <div className={classes.remotesWaiting}>
        <Waiting what="Reading how the two systems stand" lines={3} />
      </div>
    );
  if (!status.data) return <Failure thrown={status.error} again={() => void status.refetch()} />;
  const { remotes, incidents, midServer, mayControl, whoCan } = status.data;
  const open = incidents.filter((incident) => incident.open);
  const elsewhere = open.filter((incident) => !remotes.some((remote) => remote.remote === incident.remote));
  return (
    <section aria-label="The two systems" data-testid="remotes">
      {elsewhere.map((incident) => (
        <div key={incident.id} className={classes.elsewhere}>
          <Incident incident={incident} shortcut="i 0" />
        </div>
      ))}
      <ul className={classes.remotes}>
        {remotes.map((remote) => (
          <RemoteCard key={remote.remote} remote={remote} incidents={open.filter((incident) => incident.remote === remote.remote)} mayControl={mayControl} />
        ))}
      </ul>
      {midServer && (
        <p className={classes.whoCan} data-testid="mid-server">
          {midServer.words} {midServer.wayOut}
        </p>
      )}
      {!mayControl && whoCan && <p className={classes.whoCan}>To pause, resume or try a system, ask {whoCan}.</p>}
    </section>
  );
}
