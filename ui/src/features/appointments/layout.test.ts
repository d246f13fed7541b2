import { expect, it } from "vitest";
import { calendarVisit } from "../../host/fake/appointments";
import { hoursOf, placed } from "./layout";

const visit = (beginsMinute: number, minutes: number) => calendarVisit({ beginsMinute, minutes });

it("puts visits at the same time side by side, and nobody else", () => {
  const day = [visit(540, 30), visit(555, 30), visit(585, 15), visit(600, 30), visit(570, 0)];
  // 09:00 and 09:15 overlap; the one without a length takes the place that is free again; 10:00 has its own.
  expect(placed(day).map(({ visit, lane, lanes }) => [visit.beginsMinute, lane, lanes])).toEqual([
    [540, 0, 2],
    [555, 1, 2],
    [570, 0, 2],
    [585, 0, 1],
    [600, 0, 1],
  ]);
});

it("shows the hours a clinic is open, and those somebody has a visit in", () => {
  expect(hoursOf([])).toEqual({ first: 8, last: 18 });
  expect(hoursOf([visit(430, 30), visit(1_130, 45)])).toEqual({ first: 7, last: 20 });
  expect(hoursOf([visit(1_430, 60)])).toEqual({ first: 8, last: 24 });
});
