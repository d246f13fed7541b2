import { IconCircleCheck, IconClock, IconPlugConnectedX } from "@tabler/icons-react";
import type { MidServerView, RemoteHealth } from "../bindings/types";
import { midServerWords } from "../words/words";
import classes from "./shared.module.css";

/** Where the MID Server stands: "up", and else what is wrong and the way out. */
export function MidTruth({ mid }: { mid: MidServerView }) {
  const health: RemoteHealth = mid.state === "up" ? "answering" : mid.state === "never_looked" ? "never_tried" : "breaker_open";
  const Icon = mid.state === "up" ? IconCircleCheck : mid.state === "never_looked" ? IconClock : IconPlugConnectedX;
  return (
    <span className={classes.health} data-health={health} data-state={mid.state}>
      <Icon size={16} aria-hidden="true" />
      <span>{mid.wayOut === null ? midServerWords[mid.state] : `${mid.words} ${mid.wayOut}`}</span>
    </span>
  );
}
