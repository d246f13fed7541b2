import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Event } from "../bindings/types";
import { asCallFailed, type Host } from "./types";

/** The host inside the desktop window. The only file that knows Tauri. */
export function tauriHost(): Host {
  return {
    kind: "window",
    async call(name, request) {
      try {
        return await invoke("rpc", { command: name, payload: request });
      } catch (thrown) {
        throw asCallFailed(thrown);
      }
    },
    async save(file) {
      try {
        return await invoke<string>("keep", "base64" in file ? { name: file.name, base64: file.base64 } : { name: file.name, text: file.text });
      } catch (thrown) {
        throw asCallFailed(thrown);
      }
    },
    subscribe(listener) {
      let ended = false;
      let stop: (() => void) | undefined;
      listen<Event>("console-event", (message) => listener(message.payload)).then(
        (unlisten) => {
          if (ended) unlisten();
          else stop = unlisten;
        },
        () => undefined,
      );
      return () => {
        ended = true;
        stop?.();
      };
    },
  };
}
