const DAY_MS = 86_400_000;

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export interface Week {
  /** Its Monday, and that of the next one: `2026-10-05`. */
  from: string;
  until: string;
  /** Mondays to go on to. */
  previous: string;
  next: string;
  title: string;
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** The week that a day is in, from Monday on. */
export function weekOf(date: string): Week {
  const at = Date.parse(date);
  const monday = at - ((new Date(at).getUTCDay() + 6) % 7) * DAY_MS;
  const after = monday + 7 * DAY_MS;
  return {
    from: iso(monday),
    until: iso(after),
    previous: iso(monday - 7 * DAY_MS),
    next: iso(after),
    title: `${day.format(monday)} to ${day.format(after - DAY_MS)} ${new Date(after - DAY_MS).getUTCFullYear()}`,
  };
}

export const today = (nowMs: number): string => iso(nowMs);
