import { IconCircleCheck, IconClock, IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import type { RemoteState } from "../../bindings/types";
import { ColumnWord } from "../../shared/sides";
import { Moment } from "../../shared/When";
import { countdown } from "../../words/time";
import { healthWords, plural } from "../../words/words";
import classes from "./Home.module.css";

function useNow(ticking: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/** The line already says it. */
const said = ({ detail, health }: RemoteState): boolean => detail.startsWith(healthWords[health]);

/** One line of truth per system. */
export function Remotes({ remotes }: { remotes: RemoteState[] }) {
  const now = useNow(remotes.some((remote) => remote.nextTryAtMs !== null));
  return (
    <section className={classes.card} aria-labelledby="remotes-title">
      <h2 id="remotes-title">The two systems</h2>
      <ul className={classes.remotes}>
        {remotes.map((remote) => {
          const good = remote.health === "answering";
          const Icon = good ? IconCircleCheck : remote.health === "never_tried" ? IconClock : IconPlugConnectedX;
          return (
            <li key={remote.remote} data-testid={`remote-${remote.remote}`}>
              <ColumnWord column={remote.remote} word={remote.label} />
              <span className={classes.health} data-good={good}>
                <Icon size={16} aria-hidden="true" />
                {healthWords[remote.health]}
                {remote.latencyMs !== null && `, ${remote.latencyMs} ms`}
                {remote.nextTryAtMs !== null && `, next try in ${countdown(remote.nextTryAtMs, now)}`}
                {remote.waiting > 0 && `, ${plural(remote.waiting, "write")} waiting`}
              </span>
              <small>
                {said(remote) ? "" : remote.detail}
                {remote.lastAnswerAtMs !== null && (
                  <>
                    {!said(remote) && remote.detail && " · "}last answer <Moment atMs={remote.lastAnswerAtMs} />
                  </>
                )}
              </small>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
