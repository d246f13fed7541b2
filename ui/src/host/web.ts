import type { Event } from "../bindings/types";
import { eventsIn } from "./sse";
import { asCallFailed, CallFailed, everythingChanged, type Host } from "./types";

const TOKEN = "vetsync-token";
const RECONNECT_MS = [500, 1000, 2000, 4000, 8000];

/** Takes the one-time token out of the address bar, so that it is neither bookmarked nor shared. */
export function takeToken(location: Location, history: History, storage: Storage): string | null {
  const address = new URL(location.href);
  const inQuery = address.searchParams.get("token");
  const inFragment = /[#&?]token=([^&]+)/.exec(address.hash);
  const token = inQuery ?? (inFragment?.[1] ? decodeURIComponent(inFragment[1]) : null);
  if (token === null) return storage.getItem(TOKEN);
  storage.setItem(TOKEN, token);
  address.searchParams.delete("token");
  if (inFragment) address.hash = address.hash.replace(/([#&?])token=[^&]+&?/, (_whole, before: string) => (before === "#" ? "#" : before)).replace(/[&?]$/, "");
  history.replaceState(null, "", address.pathname + address.search + (address.hash === "#" ? "" : address.hash));
  return token;
}

const unreachable = () =>
  new CallFailed({
    code: "offline",
    message: "VetSync on this computer does not answer.",
    wayOut: "Check that `vetsync` is running, then try again.",
    field: null,
  });

const signedOut = () =>
  new CallFailed({
    code: "not_allowed",
    message: "This page has lost its key to VetSync.",
    wayOut: "Open the address again that VetSync printed when it started; it carries a new key.",
    field: null,
  });

/** The host in a browser: VetSync over loopback HTTP. */
export function webHost(base: string, token: string | null): Host {
  const headers = { Authorization: `Bearer ${token ?? ""}` };
  return {
    kind: "browser",
    async call(name, request) {
      let answer: globalThis.Response;
      try {
        answer = await fetch(`${base}/api/rpc/${name}`, {
          method: "POST",
          headers: { ...headers, "Content-Type": "application/json" },
          body: JSON.stringify(request),
        });
      } catch {
        throw unreachable();
      }
      const body: unknown = await answer.json().catch(() => null);
      if (answer.ok) return body as never;
      throw body === null && answer.status === 401 ? signedOut() : asCallFailed(body);
    },
    async save(file) {
      const link = document.createElement("a");
      const content = "base64" in file ? Uint8Array.from(atob(file.base64), (byte) => byte.charCodeAt(0)) : file.text;
      link.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
      link.download = file.name;
      link.click();
      URL.revokeObjectURL(link.href);
      return file.name;
    },
    subscribe(listener) {
      const ending = new AbortController();
      void listen(base, headers, listener, ending.signal);
      return () => ending.abort();
    },
  };
}

async function listen(base: string, headers: Record<string, string>, listener: (event: Event) => void, signal: AbortSignal) {
  let failures = 0;
  let gap = false;
  while (!signal.aborted) {
    try {
      const answer = await fetch(`${base}/api/events`, { headers: { ...headers, Accept: "text/event-stream" }, signal });
      if (!answer.ok || !answer.body) throw unreachable();
      if (gap) listener(everythingChanged);
      gap = true;
      failures = 0;
      for await (const event of eventsIn(answer.body)) listener(event);
    } catch {
      gap = true;
    }
    const wait = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] ?? 8000;
    failures += 1;
    if (!signal.aborted) await pause(wait, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
