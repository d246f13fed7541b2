import type { Event, StorageTrouble, Tag } from "../../bindings/types";
import { CallFailed, type CommandName, type Host, type Request, type Response } from "../types";
import { SampleClinic } from "./clinic";

export const fullDisk = (): StorageTrouble => ({
  fault: "full",
  words: "The disk is full: nothing can be stored, so nothing is decided and nothing is sent. Nothing is lost.",
  wayOut: "Free some space on the disk that holds VetSync's data. It notices within seconds and goes on by itself.",
  sinceMs: Date.now() - 4 * 60_000,
});

/** Sample data for `npm run dev`, the preview and the tests. It never reaches the production bundle. */
export function fakeHost(delayMs = 15): Host & { clinic: SampleClinic; emit(event: Event): void } {
  const listeners = new Set<(event: Event) => void>();
  const emit = (event: Event) => {
    for (const listener of listeners) listener(event);
  };
  const changed = (tags: Tag[], id: string | null) => emit({ kind: "changed", data: { tags, id } });
  const clinic = new SampleClinic(changed, (progress) => emit({ kind: "progress", data: progress }));
  // `?trouble=ehr.breaker_open` lets one look at a system that fails, `?trouble=brake` at a run that
  // the brake stopped, `?trouble=full_disk` at a full disk.
  for (const trouble of new URLSearchParams(globalThis.location?.search ?? "").getAll("trouble")) {
    if (trouble === "full_disk") {
      clinic.storage = fullDisk();
      continue;
    }
    if (trouble === "brake") {
      clinic.brake.stop();
      continue;
    }
    const [remote, health] = trouble.split(".");
    clinic.queue.trouble(remote === "ehr" ? "ehr" : "service_now", health === "sign_in_refused" || health === "rate_limited" ? health : "breaker_open");
  }
  return {
    kind: "sample",
    clinic,
    emit,
    async call<K extends CommandName>(name: K, request: Request<K>): Promise<Response<K>> {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const run = clinic.commands[name];
      if (!run) throw new CallFailed({ code: "not_found", message: `No command ${name}.`, wayOut: "Update VetSync.", field: null });
      return structuredClone(run(structuredClone(request)));
    },
    async save({ name }) {
      return name;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
