import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { activeBindings, addScope, handleKey, setSingleLetters } from "./registry";

const run = vi.fn();
let end: () => void;

const press = (key: string, options: KeyboardEventInit = {}, target: Element = document.body) => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
  target.dispatchEvent(event);
  return event;
};

beforeEach(() => {
  run.mockReset();
  setSingleLetters(true);
  document.addEventListener("keydown", handleKey);
  const binding = (key: string) => ({ key, says: key, group: "test", run: () => run(key) });
  end = addScope({ current: ["j", "enter", "escape", "mod+enter", "g h", "?"].map(binding) });
});

afterEach(() => {
  end();
  document.removeEventListener("keydown", handleKey);
  document.body.innerHTML = "";
  setSingleLetters(true);
});

function put(html: string): HTMLElement {
  document.body.innerHTML = html;
  return document.body.firstElementChild as HTMLElement;
}

describe("keys", () => {
  it("act, also as a sequence and with Control", () => {
    press("j");
    press("g");
    press("h");
    press("Enter", { ctrlKey: true });
    expect(run.mock.calls.flat()).toEqual(["j", "g h", "mod+enter"]);
  });

  it("rest while one types, except with Control; Escape leaves the field", () => {
    const input = put("<input />");
    input.focus();
    press("j", {}, input);
    press("Enter", { ctrlKey: true }, input);
    press("Escape", {}, input);
    expect(run.mock.calls.flat()).toEqual(["mod+enter"]);
    expect(document.activeElement).not.toBe(input);
  });

  it("leave Enter to a focused button", () => {
    press("Enter", {}, put("<button>x</button>"));
    expect(run).not.toHaveBeenCalled();
  });

  it("do nothing behind an open dialog", () => {
    put('<div role="dialog" aria-modal="true"></div>');
    press("j");
    expect(run).not.toHaveBeenCalled();
  });

  it("lose their single letters when these are switched off, and keep the rest", () => {
    setSingleLetters(false);
    press("j");
    press("g");
    press("h");
    press("?");
    press("Escape");
    expect(run.mock.calls.flat()).toEqual(["escape"]);
  });

  it("belong to the screen that came last", () => {
    const later = vi.fn();
    const stop = addScope({ current: [{ key: "j", says: "later", group: "test", run: later }] });
    press("j");
    expect(later).toHaveBeenCalledOnce();
    expect(activeBindings().find((binding) => binding.key === "j")?.says).toBe("later");
    stop();
    press("j");
    expect(run.mock.calls.flat()).toEqual(["j"]);
  });
});
