import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { openAt } from "../../test/render";

it("is never green while a conflict is open", async () => {
  const { clinic, host } = await openAt("/", "headline");
  const headline = () => screen.getByTestId("headline");
  expect(headline().dataset.calm).toBe("false");
  expect(screen.getByTestId("need-you").textContent).toMatch(/17need you/);

  const home = clinic.commands["home.get"];
  const settled = { ...home({}), needYou: 0, needSecond: 0 };
  clinic.commands["home.get"] = () => ({ ...settled, statusCounts: { ...settled.statusCounts, differs: 1 } });
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(screen.getByTestId("need-you").textContent).toMatch(/^0/));
  expect(headline().dataset.calm).toBe("false");

  clinic.commands["home.get"] = () => ({ ...settled, statusCounts: { ...settled.statusCounts, differs: 0 } });
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(headline().dataset.calm).toBe("true"));
});

it("shows the progress of a run with counts, as events bring it", async () => {
  const { user, host } = await openAt("/", "start-run");
  await user.keyboard("y");
  const progress = await screen.findByTestId("run-progress");
  const run = await host.call("home.get", {});
  host.emit({ kind: "progress", data: { runId: run.run?.id ?? "", phase: "comparing", done: 4321, total: 100_000, perSecond: 900, text: "Comparing patients" } });
  await waitFor(() => expect(progress.textContent).toMatch(/4,321 of 100,000/));
});

it("says that there may be more where counting stopped, and keeps the way to what was settled", async () => {
  const { clinic, host } = await openAt("/", "headline");
  const home = clinic.commands["home.get"];
  const before = home({});
  const item = { planId: "p1", patientId: "pb", patient: "Bella", sentence: "Changed breed in the EHR", atMs: Date.now() };
  clinic.commands["home.get"] = () => ({ ...before, needYou: 1000, settledLastRun: 0, settled: [item] });
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(screen.getByTestId("need-you").textContent).toMatch(/^1,000\+need you/));
  expect(screen.getByTestId("nav-work-list").textContent).toContain("1,000+");
  expect(screen.getByRole("button", { name: "Review" })).toBeTruthy();
});

it("says how often changes are looked for, when last and with what outcome, and nothing where nothing is polled from here", async () => {
  const { clinic, host } = await openAt("/", "headline");
  expect(screen.getByTestId("polling-ehr").textContent).toMatch(/^Changes are looked for every 15 s; last .+; nothing new$/);
  const home = clinic.commands["home.get"];
  const before = home({});
  clinic.commands["home.get"] = () => ({ ...before, remotes: before.remotes.map((remote) => ({ ...remote, polling: null })) });
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(screen.queryByTestId("polling-ehr")).toBeNull());
});

it("says how the MID Server stands, and is not green while the EHR cannot be reached through it", async () => {
  const { clinic, host } = await openAt("/", "headline");
  expect(screen.queryByTestId("mid-server")).toBeNull();
  const home = clinic.commands["home.get"];
  const settled = { ...home({}), needYou: 0, needSecond: 0 };
  const calm = { ...settled, statusCounts: { ...settled.statusCounts, differs: 0 } };
  const up = { name: "mid-frontdesk", state: "up" as const, words: "The MID Server mid-frontdesk is up.", wayOut: null, carries: true, seenAtMs: 1, refreshedAtMs: 1 };
  clinic.commands["home.get"] = () => ({ ...calm, midServer: up });
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(screen.getByTestId("mid-server").textContent).toMatch(/MID Serverup.*carries requests/));
  expect(screen.getByTestId("headline").dataset.calm).toBe("true");

  const down = { ...up, state: "not_up" as const, words: "The MID Server mid-frontdesk is Down.", wayOut: "Start it." };
  clinic.commands["home.get"] = () => ({ ...calm, midServer: down });
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(screen.getByTestId("mid-server").textContent).toMatch(/is Down\. Start it\./));
  expect(screen.getByTestId("headline").dataset.calm).toBe("false");
});
