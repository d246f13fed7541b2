import { IconAlertCircle, IconCircleCheck } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { BrakedRun, Home as HomeData } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import { Waiting } from "../../shared/Waiting";
import { NewsCard } from "../appointments/NewsCard";
import { Asks } from "./Asks";
import { Braked } from "./Braked";
import classes from "./Home.module.css";
import { Metrics } from "./Metrics";
import { Remotes } from "./Remotes";
import { RunCard } from "./RunCard";
import { Settled } from "./Settled";
import { StatusCountsRow } from "./StatusCountsRow";

const faults = { full: "The disk is full", locked: "The database is locked", damaged: "The database is damaged" };

/** The gravest thing first, in a few words. */
function headline({ storage, needYou, needSecond }: HomeData, braked: BrakedRun | null, calm: boolean): string {
  if (calm) return "Both systems tell the same story";
  if (storage) return faults[storage.fault];
  if (braked) return braked.mayContinue ? "A stopped comparison needs you" : "A comparison was stopped before it wrote anything";
  if (needYou > 0) return "Some patients need you";
  return needSecond > 0 ? "A second person is needed" : "Not everything is settled";
}

export function HomeScreen() {
  const home = useRead("home.get", {}, { refetchInterval: 30_000 });
  const navigate = useNavigate();
  const mayDecide = useMay("see_conflicts");
  const stopped = useRead("run.braked", {}, { enabled: mayDecide });
  if (home.isPending)
    return (
      <Page title="Home" testId="home">
        <Waiting what="Reading how things stand" lines={10} />
      </Page>
    );
  if (!home.data)
    return (
      <Page title="Home" testId="home">
        <Failure thrown={home.error} again={() => void home.refetch()} />
      </Page>
    );
  const { needYou, needSecond, offline, storage, remotes, midServer, metrics, statusCounts, settled, settledLastRun } = home.data;
  // Green only when there is truly nothing: nobody is asked, nothing differs, and both systems answer.
  const braked = stopped.data?.braked ?? null;
  const calm =
    storage === null &&
    braked === null &&
    needYou === 0 &&
    needSecond === 0 &&
    statusCounts.differs === 0 &&
    !offline &&
    remotes.every((remote) => remote.health === "answering") &&
    (midServer === null || !midServer.carries || midServer.wayOut === null);
  return (
    <Page
      testId="home"
      title={
        <span className={classes.headline} data-calm={calm} data-testid="headline">
          {calm ? <IconCircleCheck size={24} aria-hidden="true" /> : <IconAlertCircle size={24} aria-hidden="true" />}
          {headline(home.data, braked, calm)}
        </span>
      }
      actions={
        mayDecide && (
          <KeyButton
            shortcut="enter"
            says="Open the work list"
            group="Home"
            run={() => void navigate({ to: "/work" })}
            variant={needYou > 0 && !braked?.mayContinue ? "filled" : "default"}
            data-testid="open-work"
          />
        )
      }
    >
      {braked && <Braked key={braked.hash} braked={braked} again={() => void stopped.refetch()} />}
      <Asks needYou={needYou} needSecond={needSecond} settled={settledLastRun} listed={settled.length > 0} />
      <div className={classes.columns}>
        <div className={classes.stack}>
          <Remotes remotes={remotes} midServer={midServer} />
          <StatusCountsRow counts={statusCounts} />
          <Metrics metrics={metrics} />
        </div>
        <div className={classes.stack}>
          <RunCard run={home.data.run} lastRun={home.data.lastRun} braked={braked} nextRun={home.data.nextRun} />
          <NewsCard />
          <Settled items={settled} total={settledLastRun} />
        </div>
      </div>
    </Page>
  );
}
