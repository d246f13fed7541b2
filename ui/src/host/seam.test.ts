import { expect, it } from "vitest";
import { commandNames } from "../bindings/commands";
import { fakeHost } from "./fake";

const sources = import.meta.glob<string>("../**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });

it("lets one file alone know Tauri", () => {
  const knowing = Object.entries(sources)
    .filter(([path, text]) => !path.endsWith(".test.ts") && /from "@tauri-apps|import\("@tauri-apps/.test(text))
    .map(([path]) => path);
  expect(knowing).toEqual(["./tauri.ts"]);
});

it("keeps the sample clinic behind the one gate that production cuts off", () => {
  const reaching = Object.entries(sources)
    .filter(([path, text]) => !/\.test\.tsx?$|\/test\/|\/fake\//.test(path) && /["'/]fake["'/]/.test(text) && text.includes("import("))
    .map(([path]) => path);
  expect(reaching).toEqual(["./index.ts"]);
});

it("answers every command in the sample clinic", () => {
  const { commands } = fakeHost(0).clinic;
  expect(commandNames.filter((name) => typeof commands[name] !== "function")).toEqual([]);
});
