import { Link } from "@tanstack/react-router";
import { useMay } from "../../data/session";
import { useRead } from "../../data/useRead";
import { KeyHint } from "../../keyboard/KeyHint";
import classes from "./Queue.module.css";

/** What is still to be written, and what came in and cannot be read. */
export function QueueTabs({ writes }: { writes: number | undefined }) {
  const mayQueue = useMay("see_queue");
  const mayUnreadable = useMay("see_quarantine");
  const open = useRead("quarantine.list", { status: "open", remote: null, cause: null, offset: 0, limit: 1 }, { enabled: mayUnreadable });
  const counts = useRead("queue.list", { states: ["parked"], remote: null, cause: null, patientId: null, offset: 0, limit: 1 }, { enabled: mayQueue && writes === undefined });
  if (!mayQueue || !mayUnreadable) return null;
  const { waiting = 0, running = 0, retrying = 0, parked = 0 } = counts.data?.counts ?? {};
  const tabs = [
    { to: "/queue", word: "Writes", count: writes ?? waiting + running + retrying + parked, shortcut: "g q" },
    { to: "/queue/unreadable", word: "Unreadable", count: open.data?.total ?? 0, shortcut: "g u" },
  ] as const;
  return (
    <nav className={classes.tabs} aria-label="Parts of the queue">
      {tabs.map(({ to, word, count, shortcut }) => (
        <Link key={to} to={to} activeOptions={{ exact: true, includeSearch: false }} aria-keyshortcuts={shortcut} data-testid={`tab-${word.toLowerCase()}`}>
          {word} {count > 0 && <em>{count.toLocaleString("en")}</em>}
          <KeyHint shortcut={shortcut} />
        </Link>
      ))}
    </nav>
  );
}
