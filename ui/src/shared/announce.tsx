import { useSyncExternalStore } from "react";
import classes from "./shared.module.css";

let said = "";
let odd = false;
const listeners = new Set<() => void>();

/** Says a sentence to screen readers without moving the focus. */
export function announce(sentence: string): void {
  odd = !odd;
  // A repeated sentence must differ, or it is not read out again.
  said = odd ? sentence : `${sentence}\u00a0`;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function LiveRegion() {
  const sentence = useSyncExternalStore(subscribe, () => said);
  return (
    <div role="status" aria-live="polite" className={classes.unseen} data-testid="live-region">
      {sentence}
    </div>
  );
}
