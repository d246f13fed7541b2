import { flushSync } from "react-dom";

/** One thing that can be done by key. `key` is "j", "arrowdown", "mod+enter" or a sequence like "g h". */
export interface KeyBinding {
  key: string;
  says: string;
  group: string;
  run: () => void;
}

type Scope = { current: KeyBinding[] };

const SINGLE_LETTERS = "vetsync-single-letters";
const SEQUENCE_MS = 1500;

const scopes: Scope[] = [];
const listeners = new Set<() => void>();
let singleLetters = readPreference();
let pending: { first: string; at: number } | null = null;

function readPreference(): boolean {
  return globalThis.localStorage?.getItem(SINGLE_LETTERS) !== "off";
}

export function addScope(scope: Scope): () => void {
  scopes.push(scope);
  return () => {
    const index = scopes.indexOf(scope);
    if (index >= 0) scopes.splice(index, 1);
  };
}

/** What can be done by key right now, for the help sheet and the palette; later scopes hide earlier ones. */
export function activeBindings(): KeyBinding[] {
  const byKey = new Map<string, KeyBinding>();
  for (const scope of scopes) for (const binding of scope.current) byKey.set(binding.key, binding);
  return [...byKey.values()];
}

export const singleLettersOn = (): boolean => singleLetters;

export function setSingleLetters(on: boolean): void {
  singleLetters = on;
  globalThis.localStorage?.setItem(SINGLE_LETTERS, on ? "on" : "off");
  for (const listener of listeners) listener();
}

export function onSingleLettersChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const isSingle = (key: string): boolean => key.length === 1 || key.includes(" ");

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type);
}

/** Inside menus and dialogs their own keys hold; behind an open dialog nothing may act. */
function isElsewhere(target: EventTarget | null): boolean {
  if (target instanceof Element && target.closest("[role=menu],[role=dialog]")) return true;
  return document.querySelector("[aria-modal=true]") !== null;
}

function nameOf(event: KeyboardEvent): string {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  return event.ctrlKey || event.metaKey ? `mod+${key}` : key;
}

function find(key: string): KeyBinding | undefined {
  for (let index = scopes.length - 1; index >= 0; index -= 1) {
    const found = scopes[index]?.current.find((binding) => binding.key === key);
    if (found) return found;
  }
  return undefined;
}

function bindingFor(key: string, at: number): KeyBinding | undefined {
  if (pending && at - pending.at < SEQUENCE_MS) {
    const sequence = find(`${pending.first} ${key}`);
    pending = null;
    if (sequence) return sequence;
  }
  if (key.length === 1 && scopes.some((scope) => scope.current.some((binding) => binding.key.startsWith(`${key} `)))) pending = { first: key, at };
  return find(key);
}

/** The one keyboard listener of the console. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const key = nameOf(event);
  if (isElsewhere(event.target)) return;
  const modified = key.startsWith("mod+");
  if (isTyping(event.target) && !modified) {
    if (key === "escape") {
      event.preventDefault();
      (event.target as HTMLElement).blur();
    }
    return;
  }
  if (key === "enter" && event.target instanceof Element && event.target.closest("button,a,summary")) return;
  const binding = bindingFor(key, event.timeStamp);
  if (!binding || (isSingle(binding.key) && !singleLetters)) return;
  event.preventDefault();
  // What a key opens stands, and has the focus, before the next key is handled: people type on.
  flushSync(binding.run);
}
