import { screen, waitFor } from "@testing-library/react";
import { expect, it, vi } from "vitest";
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

it("opens a run's report: sentences first, then figures and tables, each saved as a file with the same", async () => {
  const { host, user, router } = await openAt("/reconciliation", "runs");
  leaveFields();
  await user.keyboard("j{Enter}");
  await screen.findByTestId("report");
  expect(router.state.location.pathname).toBe("/reconciliation/r0");
  expect(screen.getByTestId("report-notes").textContent).toMatch(/Against the run before: 3 questions fewer/);
  expect(screen.getByTestId("figure-compared").textContent).toBe("Compared99,302before: 99,296");
  expect(screen.getByTestId("table-people").textContent).toMatch(/Mara Quinn/);
  expect(screen.getByTestId("table-unreadable").textContent).toMatch(/Everything could be read/);
  const question = screen.getAllByTestId("open-row")[0];
  expect(question?.querySelector("a")?.getAttribute("href")).toMatch(/\/work\//);
  await expectAccessible();
  const saved = vi.spyOn(host, "save");
  await user.keyboard("e");
  await waitFor(() => expect(saved).toHaveBeenCalledWith({ name: "vetsync-r0.xlsx", base64: btoa("r0") }));
  await screen.findByText(/Report saved: vetsync-r0\.xlsx/);
  await user.keyboard("{Escape}");
  await screen.findByTestId("runs");
});

it("makes a report of a day, a week or a month, and says where nothing ran", async () => {
  const { user, router } = await openAt("/reconciliation/days?day=2026-10-07", "report");
  expect(screen.getByTestId("days-screen").textContent).toMatch(/No run ended in these days/);
  leaveFields();
  await user.keyboard("w");
  await screen.findByText("Synchronisation, Mon 5 Oct 2026 to Sun 11 Oct 2026");
  await user.keyboard("]");
  await screen.findByText("Synchronisation, Mon 12 Oct 2026 to Sun 18 Oct 2026");
  expect(router.state.location.search).toEqual({ day: "2026-10-12", span: "week" });
  await user.keyboard("m");
  await screen.findByText("Synchronisation, Thu 1 Oct 2026 to Sat 31 Oct 2026");
  await expectAccessible();
});

it("leads nobody to reports who may not see them", async () => {
  const { clinic, host } = await openAt("/", "headline");
  await host.call("session.switch", { personId: "desk" });
  expect(clinic.person.id).toBe("desk");
  await openAt("/reconciliation", "runs", host);
  expect(screen.queryByTestId("report-of-days")).toBeNull();
  expect(screen.queryByTestId("open-report")).toBeNull();
});

it("stands on Home", async () => {
  await openAt("/", "headline");
  expect(screen.getByTestId("next-run").textContent).toMatch(/Next.*02:00 \(UTC-0[45]:00\)/);
});
