import type { ScheduleView } from "../../bindings/types";

const DAY = 86_400_000;
const zone = "America/New_York";
const day = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short", year: "numeric" });
const offset = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });

/** Every night at two in New York, as the engine would say it. */
export function schedule(now: number): ScheduleView {
  const next = [1, 2, 3, 4, 5].map((days) => {
    const atMs = now + days * DAY;
    const utc =
      offset
        .formatToParts(atMs)
        .find(({ type }) => type === "timeZoneName")
        ?.value.replace("GMT", "UTC") ?? "";
    return { schedule: "reconciliation" as const, atMs, local: `${day.format(atMs).replace(",", "")}, 02:00 (${utc})`, note: null };
  });
  const last = { slot: new Date(now).toISOString().slice(0, 10), words: "done", done: true, runId: "r0" };
  return { parts: [{ schedule: "reconciliation", rule: "every day at 02:00", zone, next, last }], off: null };
}
