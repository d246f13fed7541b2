const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400_000],
  ["month", 30 * 86_400_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

export function ago(atMs: number, nowMs: number): string {
  const passed = atMs - nowMs;
  for (const [unit, length] of steps) {
    if (Math.abs(passed) >= length) return relative.format(Math.round(passed / length), unit);
  }
  return "just now";
}

const wholeDay = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

/** "Monday 5 October 2026" for "2026-10-05". */
export const dayWords = (date: string): string => wholeDay.format(Date.parse(date)).replace(",", "");

/** "09:41" today, "21 Nov, 09:41" otherwise. */
export function moment(atMs: number, nowMs: number): string {
  const same = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
  return (same ? clock : dayAndClock).format(atMs);
}

/** "14:03:20": when the seconds matter. */
export const exactly = (atMs: number): string => exact.format(atMs);

export const fully = (atMs: number): string => full.format(atMs);

export function countdown(untilMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}

/** "3 s", then "04:12": short enough to stand in a sentence. */
export function secondsLeft(untilMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
  return seconds < 60 ? `${seconds} s` : countdown(untilMs, nowMs);
}

export function lasted(ms: number): string {
  if (ms < 60_000) return `${Math.max(1, Math.round(ms / 1000))} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
