import type { CalendarVisit } from "../../bindings/types";

/** A visit of which nobody says how long it lasts is drawn this high. */
const UNKNOWN_MINUTES = 15;
/** The hours that are always there; earlier and later ones appear where somebody has a visit. */
const OPEN_HOUR = 8;
const CLOSE_HOUR = 18;

export interface Placed {
  visit: CalendarVisit;
  /** Visits at the same time stand side by side: the how manieth of how many. */
  lane: number;
  lanes: number;
}

export const lasting = (visit: CalendarVisit): number => Math.max(visit.minutes, UNKNOWN_MINUTES);

/** The visits of one column, in the order they begin, each in the first lane that is free. */
export function placed(visits: readonly CalendarVisit[]): Placed[] {
  const result: Placed[] = [];
  let cluster: Placed[] = [];
  let until = -1;
  const close = () => {
    const lanes = Math.max(0, ...cluster.map(({ lane }) => lane + 1));
    for (const one of cluster) one.lanes = lanes;
    cluster = [];
  };
  for (const visit of [...visits].sort((one, other) => one.beginsMinute - other.beginsMinute)) {
    if (visit.beginsMinute >= until) close();
    const busy = new Set(cluster.filter((one) => one.visit.beginsMinute + lasting(one.visit) > visit.beginsMinute).map(({ lane }) => lane));
    let lane = 0;
    while (busy.has(lane)) lane += 1;
    const one = { visit, lane, lanes: 1 };
    cluster.push(one);
    result.push(one);
    until = Math.max(until, visit.beginsMinute + lasting(visit));
  }
  close();
  return result;
}

/** The first and the last hour of a day that are shown. */
export function hoursOf(visits: readonly CalendarVisit[]): { first: number; last: number } {
  const first = Math.min(OPEN_HOUR, ...visits.map(({ beginsMinute }) => Math.floor(beginsMinute / 60)));
  const last = Math.max(CLOSE_HOUR, ...visits.map((visit) => Math.ceil((visit.beginsMinute + lasting(visit)) / 60)));
  return { first, last: Math.min(24, last) };
}
