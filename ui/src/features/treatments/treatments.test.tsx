import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { expectAccessible, leaveFields, openAt } from "../../test/render";
import { weekOf } from "./week";

it("lists a week, the newest first, with what each waits for", async () => {
  const { user, router } = await openAt("/treatments?week=2026-10-07", "treatment-row");
  expect(screen.getByTestId("treatments-lead").textContent).toBe("5 Oct to 11 Oct 2026 · 12 treatments · 2 not agreed");
  const rows = screen.getAllByTestId("treatment-row");
  expect(rows[0]?.textContent).toMatch(/10 Oct/);
  expect(rows.some(({ textContent }) => /not completed in ServiceNow/.test(textContent ?? ""))).toBe(true);
  expect(rows.some(({ textContent }) => /differs in Diagnosis/.test(textContent ?? ""))).toBe(true);
  await expectAccessible();
  leaveFields();
  await user.keyboard("[[");
  await waitFor(() => expect(screen.getByTestId("treatments-lead").textContent).toMatch(/^28 Sept? to 4 Oct 2026/));
  await user.click(screen.getByTestId("chip-differs"));
  await waitFor(() => expect(screen.getAllByTestId("treatment-row")).toHaveLength(1));
  expect(router.state.location.search).toEqual({ week: "2026-09-28", status: "differs" });
});

it("shows where one stands, and why it goes no further", async () => {
  const { user } = await openAt("/", "headline");
  leaveFields();
  await user.keyboard("gt");
  await screen.findAllByTestId("treatment-row");
  await openAt("/treatments/t-2026-10-05-1", "steps");
  const steps = screen.getByTestId("steps");
  expect([...steps.querySelectorAll("li")].map((step) => step.dataset.state)).toEqual(["done", "blocked", "not_yet", "not_yet", "not_yet"]);
  expect(steps.textContent).toMatch(/Checkedneeds somebodyDiagnosis is missing\. Write it in ServiceNow\./);
});

it("knows which week a day is in", () => {
  expect(weekOf("2026-10-11")).toEqual({ from: "2026-10-05", until: "2026-10-12", previous: "2026-09-28", next: "2026-10-12", title: "5 Oct to 11 Oct 2026" });
  expect(weekOf("2026-10-12").from).toBe("2026-10-12");
  expect(weekOf("2026-01-01")).toMatchObject({ from: "2025-12-29", title: "29 Dec to 4 Jan 2026" });
});
