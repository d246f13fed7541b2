import { Outlet, useNavigate, useRouter, useRouterState } from "@tanstack/react-router";
import { Suspense, useEffect, useState } from "react";
import { useMay, useSession } from "../data/session";
import { useRead } from "../data/useRead";
import { useNews } from "../features/appointments/useNews";
import { useKeyboard, useKeys } from "../keyboard/useKeys";
import { announce } from "../shared/announce";
import { focusContent } from "../shared/arriving";
import { later } from "../shared/later";
import { countWords } from "../words/words";
import { Header } from "./Header";
import { Nav } from "./Nav";
import { OfflineBanner } from "./OfflineBanner";
import classes from "./Shell.module.css";
import { StorageBanner } from "./StorageBanner";

/** Menus and dialogs give the focus back to their button when they are gone; then the new screen takes it. */
const CLOSING_MS = 160;

const palettePart = later(() => import("./Palette").then((module) => module.Palette));
const helpPart = later(() => import("./Help").then((module) => module.Help));
const { Part: Palette } = palettePart;
const { Part: Help } = helpPart;

export function Shell() {
  const navigate = useNavigate();
  const router = useRouter();
  const session = useSession();
  const home = useRead("home.get", {});
  const mayQueue = useMay("see_queue");
  const mayUnreadable = useMay("see_quarantine");
  const parked = useRead("queue.list", { states: ["parked"], remote: null, cause: null, patientId: null, offset: 0, limit: 1 }, { enabled: mayQueue });
  const mayWork = useMay("see_conflicts");
  const stopped = useRead("run.braked", {}, { enabled: mayWork });
  const unread = useNews();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = useState(false);
  useKeyboard();
  useKeys([
    { key: "g h", says: "Home", group: "Go to", run: () => void navigate({ to: "/" }) },
    { key: "g w", says: "Work list", group: "Go to", run: () => void navigate({ to: "/work" }) },
    ...(mayWork ? [{ key: "g d", says: "Duplicates", group: "Go to", run: () => void navigate({ to: "/duplicates" }) }] : []),
    { key: "g p", says: "Patients", group: "Go to", run: () => void navigate({ to: "/patients" }) },
    { key: "g a", says: "Appointments", group: "Go to", run: () => void navigate({ to: "/appointments" }) },
    { key: "g t", says: "Treatments", group: "Go to", run: () => void navigate({ to: "/treatments" }) },
    { key: "g r", says: "Receipts", group: "Go to", run: () => void navigate({ to: "/receipts" }) },
    { key: "g c", says: "Reconciliation", group: "Go to", run: () => void navigate({ to: "/reconciliation" }) },
    ...(mayQueue ? [{ key: "g q", says: "Queue", group: "Go to", run: () => void navigate({ to: "/queue" }) }] : []),
    ...(mayUnreadable ? [{ key: "g u", says: "Unreadable", group: "Go to", run: () => void navigate({ to: "/queue/unreadable" }) }] : []),
    { key: "/", says: "Search patients", group: "Everywhere", run: () => void navigate({ to: "/patients" }) },
    { key: "escape", says: "Back", group: "Everywhere", run: () => router.history.back() },
    { key: "mod+k", says: "Do anything", group: "Everywhere", run: () => setPalette(true) },
    { key: "?", says: "Keys", group: "Everywhere", run: () => setHelp(true) },
  ]);
  const usable = home.data !== undefined;
  useEffect(() => {
    // The measures of the window read this: from here on a person can work.
    if (!usable) return;
    performance.mark("usable");
    void palettePart.fetch();
    void helpPart.fetch();
  }, [usable]);
  const needYou = home.data?.needYou;
  useEffect(() => {
    if (needYou !== undefined) announce(needYou === 0 ? "Nothing needs you." : `${countWords(needYou)} need you.`);
  }, [needYou]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: every new screen takes the focus out of the frame around it
  useEffect(() => {
    const timer = setTimeout(focusContent, CLOSING_MS);
    return () => clearTimeout(timer);
  }, [path]);

  return (
    <div className={classes.shell}>
      <button type="button" className={classes.skip} onClick={() => document.getElementById("content")?.focus()}>
        Skip to the content
      </button>
      <Nav
        path={path}
        stopped={stopped.data?.braked?.mayContinue ?? false}
        needYou={needYou}
        needEdit={mayQueue ? parked.data?.counts.parked : undefined}
        unread={unread}
        openHelp={() => setHelp(true)}
      />
      <div className={classes.main}>
        <Header session={session} openPalette={() => setPalette(true)} />
        {home.data?.storage && <StorageBanner trouble={home.data.storage} />}
        {home.data?.offline && <OfflineBanner remotes={home.data.remotes} />}
        <main id="content" tabIndex={-1} className={classes.content}>
          <Outlet />
        </main>
      </div>
      <Suspense>
        {help && <Help close={() => setHelp(false)} />}
        {palette && <Palette close={() => setPalette(false)} />}
      </Suspense>
    </div>
  );
}
