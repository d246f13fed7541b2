import type { Commands } from "../../bindings/commands";
import type { RemoteName, RemoteStatus } from "../../bindings/types";
import { CallFailed } from "../types";

type QueueCommand = Extract<keyof Commands, `queue.${string}` | `remotes.${string}` | `incidents.${string}`>;
type Answers = { [K in QueueCommand]: (request: Commands[K]["request"]) => Commands[K]["response"] };

const gone = (): never => {
  throw new CallFailed({ code: "not_found", message: "There is no such operation.", wayOut: "Go back to the queue and look again.", field: null });
};

const answering = (remote: RemoteName): RemoteStatus => ({
  remote,
  label: remote === "ehr" ? "EHR" : "ServiceNow",
  health: "answering",
  words: `${remote === "ehr" ? "EHR" : "ServiceNow"} is answering.`,
  latencyMs: 180,
  lastAnswerAtMs: Date.now(),
  failuresInARow: 0,
  lastProblem: null,
  sinceMs: null,
  nextTryAtMs: null,
  trying: false,
  slowUntilMs: null,
  paused: null,
  waiting: 0,
  retrying: 0,
  parked: 0,
  requestsPerMinute: 600,
  rateLimit: null,
});

/** A queue in which nothing waits: two systems that answer. */
export const emptyQueue: Answers = {
  "queue.list": () => ({ lanes: [], total: 0, counts: { waiting: 0, running: 0, retrying: 0, parked: 0, done: 0, cancelled: 0 }, tries: 5 }),
  "queue.show": gone,
  "queue.causes": () => ({ causes: [] }),
  "queue.retry": gone,
  "queue.replay": gone,
  "queue.edit": gone,
  "queue.cancel": gone,
  "remotes.status": () => ({ remotes: [answering("service_now"), answering("ehr")], incidents: [], mayControl: true, whoCan: null }),
  "remotes.pause": ({ remote, reason }) => ({ ...answering(remote), health: "paused", paused: { by: "Mara Quinn", atMs: Date.now(), reason: reason ?? "" } }),
  "remotes.resume": ({ remote }) => answering(remote),
  "remotes.try_now": ({ remote }) => answering(remote),
  "incidents.list": () => ({ incidents: [], total: 0 }),
  "incidents.acknowledge": gone,
};
