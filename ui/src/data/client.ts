import { QueryClient } from "@tanstack/react-query";
import type { Event, Home, Tag } from "../bindings/types";
import { asCallFailed, type CommandName, type Host, type Request, type Response } from "../host/types";

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The engine is on this computer: being cut off from the network says nothing about it.
        networkMode: "always",
        staleTime: 30_000,
        gcTime: 5 * 60_000,
        retry: (failures, thrown) => asCallFailed(thrown).error.code === "offline" && failures < 2,
        retryDelay: 400,
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** Which tag of the engine's events makes which command's cached answer out of date. */
const tagOf: Partial<Record<CommandName, Tag>> = {
  "session.get": "session",
  "home.get": "home",
  "run.braked": "runs",
  "runs.list": "runs",
  "schedule.get": "runs",
  "reports.get": "runs",
  "patients.search": "patients",
  "patients.get": "patient",
  "patients.raw": "patient",
  "appointments.calendar": "patients",
  "appointments.get": "patient",
  "appointments.news": "receipts",
  "treatments.list": "patients",
  "treatments.get": "patient",
  "conflicts.list": "conflicts",
  "conflicts.get": "conflict",
  "duplicates.list": "conflicts",
  "duplicates.get": "conflicts",
  "plans.get": "plans",
  "receipts.list": "receipts",
  "quarantine.list": "quarantine",
  "quarantine.show": "quarantine",
  "queue.list": "queue",
  "queue.show": "queue",
  "queue.causes": "queue",
  "remotes.status": "remotes",
  "incidents.list": "incidents",
};

export function read<K extends CommandName>(host: Host, name: K, request: Request<K>) {
  return {
    queryKey: [tagOf[name] ?? name, name, request] as const,
    queryFn: (): Promise<Response<K>> => host.call(name, request),
  };
}

export function invalidate(client: QueryClient, tags: readonly Tag[]): void {
  for (const tag of tags) void client.invalidateQueries({ queryKey: [tag] });
}

/** What another answer counts: a run stands on Home, writes are counted beside each system. */
const within: Partial<Record<Tag, Tag[]>> = { runs: ["home"], queue: ["remotes"] };

/** A busy queue tells of more changes in a second than a screen can show: after the first, they are gathered this long. */
const GATHER_MS = 250;

/** Makes the first change fresh at once, and what comes in its wake together. */
function gathering(client: QueryClient): { changed: (tags: readonly Tag[]) => void; stop: () => void } {
  const due = new Set<Tag>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    if (due.size === 0) return;
    invalidate(client, [...due]);
    due.clear();
    timer = setTimeout(flush, GATHER_MS);
  };
  return {
    changed(tags) {
      for (const tag of tags) due.add(tag);
      if (timer === undefined) flush();
    },
    stop: () => clearTimeout(timer),
  };
}

/** Keeps the cache true while the engine works. Progress is written in place; it comes several times a second. */
export function follow(host: Host, client: QueryClient): () => void {
  const { changed, stop } = gathering(client);
  const unsubscribe = host.subscribe((event: Event) => {
    if (event.kind === "changed") {
      changed(event.data.tags.flatMap((tag) => [tag, ...(within[tag] ?? [])]));
      return;
    }
    const progress = event.data;
    client.setQueriesData<Home>({ queryKey: ["home"] }, (home) => {
      if (!home?.run || home.run.id !== progress.runId) return home;
      return { ...home, run: { ...home.run, progress } };
    });
    const homes = client.getQueriesData<Home>({ queryKey: ["home"] });
    if (homes.some(([, home]) => home && home.run?.id !== progress.runId)) void client.invalidateQueries({ queryKey: ["home"] }, { cancelRefetch: false });
  });
  return () => {
    stop();
    unsubscribe();
  };
}
