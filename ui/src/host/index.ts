import type { Host } from "./types";

/** The sample host must never reach people: it is cut from the production bundle. */
const maySample = import.meta.env.MODE !== "production";

export async function openHost(): Promise<Host> {
  if (maySample) {
    const wanted = new URLSearchParams(window.location.search).get("host");
    if (wanted === "fake" || (wanted === null && import.meta.env.DEV)) {
      const { fakeHost } = await import("./fake");
      return fakeHost();
    }
  }
  if ("__TAURI_INTERNALS__" in window) {
    const { tauriHost } = await import("./tauri");
    return tauriHost();
  }
  const { takeToken, webHost } = await import("./web");
  return webHost(".", takeToken(window.location, window.history, window.sessionStorage));
}
