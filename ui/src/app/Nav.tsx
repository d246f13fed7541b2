import { Button, Switch, VisuallyHidden } from "@mantine/core";
import { IconCalendar, IconCalendarClock, IconCopy, IconHome, IconListCheck, IconPaw, IconReceipt, IconStack2, IconStethoscope } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useSession } from "../data/session";
import { KeyHint } from "../keyboard/KeyHint";
import { setSingleLetters } from "../keyboard/registry";
import { useSingleLetters } from "../keyboard/useKeys";
import { countWords } from "../words/words";
import classes from "./Shell.module.css";

const screens = [
  { to: "/", word: "Home", icon: IconHome, shortcut: "g h", needs: null },
  { to: "/work", word: "Work list", icon: IconListCheck, shortcut: "g w", needs: "see_conflicts" },
  { to: "/duplicates", word: "Duplicates", icon: IconCopy, shortcut: "g d", needs: "see_conflicts" },
  { to: "/patients", word: "Patients", icon: IconPaw, shortcut: "g p", needs: "see_patients" },
  { to: "/appointments", word: "Appointments", icon: IconCalendar, shortcut: "g a", needs: "see_patients" },
  { to: "/treatments", word: "Treatments", icon: IconStethoscope, shortcut: "g t", needs: "see_patients" },
  { to: "/receipts", word: "Receipts", icon: IconReceipt, shortcut: "g r", needs: "see_receipts" },
  { to: "/reconciliation", word: "Reconciliation", icon: IconCalendarClock, shortcut: "g c", needs: null },
  { to: "/queue", word: "Queue", icon: IconStack2, shortcut: "g q", needs: "see_queue" },
] as const;

interface Props {
  path: string;
  /** A stopped comparison waits for this person. */
  stopped: boolean;
  needYou: number | undefined;
  /** Writes that wait for an edit. */
  needEdit: number | undefined;
  /** New and changed appointments that this person has not seen. */
  unread: number;
  openHelp: () => void;
}

export function Nav({ path, stopped, needYou, needEdit, unread, openHelp }: Props) {
  const { capabilities, version } = useSession();
  const single = useSingleLetters();
  const counts: Record<string, { count: number | undefined; says: string }> = {
    "/": { count: stopped ? 1 : 0, says: "stopped comparison needs you" },
    "/work": { count: needYou, says: "need you" },
    "/appointments": { count: unread, says: "new or changed" },
    "/queue": { count: needEdit, says: needEdit === 1 ? "needs an edit" : "need an edit" },
  };
  return (
    <nav className={classes.nav} aria-label="Screens" data-testid="nav">
      <div className={classes.brand}>
        <svg className={classes.mark} viewBox="0 0 32 32" aria-hidden="true">
          <path d="M8 12h14l-4-4m6 12H10l4 4" fill="none" stroke="#fff" strokeWidth="2.8" strokeLinecap="round" strokeLinejoin="round" />
        </svg>
        <span>VetSync</span>
      </div>
      <ul className={classes.links}>
        {screens
          .filter(({ needs }) => needs === null || capabilities.includes(needs))
          .map(({ to, word, icon: Icon, shortcut }) => {
            const here = to === "/" ? path === "/" : path.startsWith(to) || (to === "/work" && path.startsWith("/plans"));
            const asks = counts[to];
            return (
              <li key={to}>
                <Link to={to} className={classes.link} aria-current={here ? "page" : undefined} aria-keyshortcuts={shortcut} data-testid={`nav-${word.toLowerCase().replace(" ", "-")}`}>
                  <Icon size={18} stroke={1.7} aria-hidden="true" />
                  <span className={classes.word}>{word}</span>
                  {asks?.count !== undefined && asks.count > 0 && (
                    <em className={classes.count}>
                      {countWords(asks.count)}
                      <VisuallyHidden> {asks.says}</VisuallyHidden>
                    </em>
                  )}
                  <span className={classes.hint}>
                    <KeyHint shortcut={shortcut} />
                  </span>
                </Link>
              </li>
            );
          })}
      </ul>
      <div className={classes.foot}>
        <Switch size="xs" label="Single-letter keys" checked={single} onChange={(event) => setSingleLetters(event.currentTarget.checked)} data-testid="single-letters" />
        <Button size="compact-xs" variant="subtle" color="gray" justify="space-between" onClick={openHelp} rightSection={<KeyHint shortcut="?" />} c="var(--text-2)" aria-keyshortcuts="?">
          Keys
        </Button>
        <span className={classes.version}>Version {version}</span>
      </div>
    </nav>
  );
}
