import { notifications } from "@mantine/notifications";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";
import { forgetAllWork } from "../features/compare/kept";
import { forgetAllEdits } from "../features/queue/kept";

// A screen is fetched when it is first opened, which takes its time on a busy machine.
configure({ asyncUtilTimeout: 8_000 });

window.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  onchange: null,
  addListener() {},
  removeListener() {},
  addEventListener() {},
  removeEventListener() {},
  dispatchEvent: () => false,
})) as unknown as typeof window.matchMedia;

class NoObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= NoObserver as unknown as typeof ResizeObserver;

// The virtual lists measure their frame; there is no layout here.
Object.defineProperty(HTMLElement.prototype, "clientHeight", { configurable: true, get: () => 600 });
Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => 1000 });
if (!document.fonts) Object.defineProperty(document, "fonts", { configurable: true, value: new EventTarget() });
Element.prototype.scrollTo ??= () => undefined;
Element.prototype.scrollIntoView ??= () => undefined;

afterEach(() => {
  notifications.clean();
  forgetAllWork();
  forgetAllEdits();
  cleanup();
  localStorage.clear();
});
