import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { expectAccessible, leaveFields, openAt } from "../../test/render";

it("says when it runs next, with the offset, and what came of the last runs", async () => {
  await openAt("/reconciliation", "runs");
  const daily = screen.getByTestId("schedule-reconciliation");
  expect(daily.textContent).toMatch(/every day at 02:00 · America\/New_York/);
  expect(daily.querySelectorAll("li")).toHaveLength(5);
  expect(daily.querySelector("li")?.textContent).toMatch(/02:00 \(UTC-0[45]:00\)/);
  const rows = screen.getAllByTestId("run-row");
  expect(rows[0]?.textContent).toMatch(/Done, took 1 min 14 s.*daily reconciliation.*for .*99,302/);
  await expectAccessible();
});

it("shows a run that goes on, and says so where nothing runs by itself", async () => {
  const { clinic, host, user } = await openAt("/", "headline");
  clinic.commands["schedule.get"] = () => ({ parts: [], off: "Nothing runs by itself." });
  leaveFields();
  await user.keyboard("gc");
  expect((await screen.findByTestId("schedule-off")).textContent).toBe("Nothing runs by itself.");
  const run = await host.call("run.start", { patientId: null, planOnly: false });
  await waitFor(() => expect(screen.getAllByTestId("run-row")[0]?.dataset.status).toBe("running"));
  host.emit({ kind: "progress", data: { runId: run.id, phase: "comparing", done: 5, total: 10, perSecond: 1, text: "Comparing · 5 of 10 patients" } });
  await waitFor(() => expect(screen.getAllByTestId("run-row")[0]?.textContent).toMatch(/5 of 10 patients/));
});

it("stands on Home", async () => {
  await openAt("/", "headline");
  expect(screen.getByTestId("next-run").textContent).toMatch(/Next.*02:00 \(UTC-0[45]:00\)/);
});
