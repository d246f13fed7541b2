import { useSyncExternalStore } from "react";

const SECOND_MS = 1_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for every countdown on the screen. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const one of listeners) one();
  }, SECOND_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

const still = () => () => undefined;
const wholeSecond = () => Math.floor(Date.now() / SECOND_MS) * SECOND_MS;

/** The time, anew each second while something counts down. */
export function useNow(ticking: boolean): number {
  return useSyncExternalStore(ticking ? subscribe : still, wholeSecond);
}
