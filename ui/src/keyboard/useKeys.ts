import { useEffect, useRef, useSyncExternalStore } from "react";
import { addScope, handleKey, type KeyBinding, onSingleLettersChange, singleLettersOn } from "./registry";

/** Makes keys act while the component is on the screen. */
export function useKeys(bindings: KeyBinding[]): void {
  const scope = useRef<KeyBinding[]>(bindings);
  scope.current = bindings;
  useEffect(() => addScope(scope), []);
}

export function useKeyboard(): void {
  useEffect(() => {
    document.addEventListener("keydown", handleKey);
    return () => document.removeEventListener("keydown", handleKey);
  }, []);
}

export function useSingleLetters(): boolean {
  return useSyncExternalStore(onSingleLettersChange, singleLettersOn);
}
