import { Link } from "@tanstack/react-router";
import type { MidServerView, RemoteState } from "../../bindings/types";
import { useMay } from "../../data/session";
import { MidTruth } from "../../shared/MidTruth";
import { RemoteTruth } from "../../shared/RemoteTruth";
import { ColumnWord } from "../../shared/sides";
import { Moment } from "../../shared/When";
import { capitalised, healthWords } from "../../words/words";
import classes from "./Home.module.css";

/** The line already says it. */
const said = ({ detail, health }: RemoteState): boolean => detail.startsWith(healthWords[health]);

/** One line of truth per system; who looks after the queue is led there. */
export function Remotes({ remotes, midServer }: { remotes: RemoteState[]; midServer: MidServerView | null }) {
  const mayQueue = useMay("see_queue");
  return (
    <section className={classes.card} aria-labelledby="remotes-title">
      <h2 id="remotes-title">The two systems</h2>
      <ul className={classes.remotes}>
        {remotes.map((remote) => (
          <li key={remote.remote} data-testid={`remote-${remote.remote}`}>
            <ColumnWord column={remote.remote} word={remote.label} />
            <RemoteTruth health={remote.health} latencyMs={remote.latencyMs} nextTryAtMs={remote.nextTryAtMs} waiting={remote.waiting} />
            <small>
              {said(remote) ? "" : remote.detail}
              {remote.lastAnswerAtMs !== null && (
                <>
                  {!said(remote) && remote.detail && " · "}last answer <Moment atMs={remote.lastAnswerAtMs} />
                </>
              )}
              {mayQueue && (remote.health !== "answering" || remote.waiting > 0) && (
                <>
                  {" · "}
                  <Link to="/queue" search={{ remote: remote.remote }} data-testid={`queue-of-${remote.remote}`}>
                    see the queue
                  </Link>
                </>
              )}
            </small>
            {remote.polling && (
              <small data-testid={`polling-${remote.remote}`} data-well={remote.polling.well}>
                {capitalised(remote.polling.pace)}
                {remote.polling.readAtMs !== null && (
                  <>
                    ; last <Moment atMs={remote.polling.readAtMs} />
                  </>
                )}
                ; {remote.polling.words}
              </small>
            )}
          </li>
        ))}
        {midServer && (
          <li data-testid="mid-server">
            <strong>MID Server</strong>
            <MidTruth mid={midServer} />
            <small>
              {midServer.name}
              {midServer.carries && ", carries requests to the EHR"}
              {midServer.refreshedAtMs !== null && (
                <>
                  {" · heard of "}
                  <Moment atMs={midServer.refreshedAtMs} />
                </>
              )}
            </small>
          </li>
        )}
      </ul>
    </section>
  );
}
