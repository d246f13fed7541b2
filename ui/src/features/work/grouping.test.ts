import { expect, it } from "vitest";
import { fakeHost } from "../../host/fake";
import { groupKey, workRows } from "./grouping";

const { items } = fakeHost(0).clinic.commands["conflicts.list"]({ text: "", grade: null, field: null, cause: null, status: null, offset: 0, limit: 500 });

it("puts alike conflicts behind one row, leaves lone ones alone, and loses none", () => {
  const rows = workRows(items, true, new Set());
  const groups = rows.filter((row) => row.kind === "group");
  expect(groups.map((row) => row.items.length)).toEqual([12]);
  expect(rows.length).toBe(items.length - 12 + 1);
});

it("opens a group in place", () => {
  const alike = items.find((item) => item.alike === 12);
  if (!alike) throw new Error("the sample has a group");
  const rows = workRows(items, true, new Set([groupKey(alike)]));
  expect(rows.filter((row) => row.kind === "conflict" && row.inGroup).length).toBe(12);
  expect(rows.length).toBe(items.length + 1);
});

it("lists one by one when not grouped", () => {
  expect(workRows(items, false, new Set()).map((row) => row.kind)).toEqual(items.map(() => "conflict"));
});
