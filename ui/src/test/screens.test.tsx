import { screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { expectAccessible, leaveFields, openAt } from "./render";

it.each([
  ["/", "metrics"],
  ["/patients", "patient-row"],
  ["/patients/pm", "trust-card"],
  ["/work", "work-row"],
  ["/work?group=true", "work-group"],
  ["/work/c-owner", "compare-table"],
  ["/work/c-duplicate", "candidate"],
  ["/work/c-chip", "waiting-second"],
  ["/duplicates", "duplicate-row"],
  ["/duplicates/ehr:pat-50~ehr:pat-51", "duplicate-fields"],
  ["/plans/c-chip", "second-person"],
  ["/receipts", "empty"],
  ["/nowhere", "not-found"],
])("has no accessibility fault in its structure: %s", async (path, ready) => {
  await openAt(path, ready);
  await expectAccessible();
});

it("goes everywhere by keyboard", async () => {
  const { user } = await openAt("/", "headline");
  leaveFields();
  await user.keyboard("gw");
  await screen.findAllByTestId("work-row");
  await user.keyboard("j{Enter}");
  await screen.findByTestId("compare-table");
  leaveFields();
  await user.keyboard("{Escape}");
  await screen.findAllByTestId("work-row");
  await user.keyboard("gr");
  await screen.findByTestId("receipts-screen");
  leaveFields();
  await user.keyboard("?");
  expect((await screen.findByTestId("help")).textContent).toMatch(/Work list/);
  await user.keyboard("{Escape}");
  await waitFor(() => expect(screen.queryByTestId("help")).toBeNull());
});

it("takes the focus out of the header: switch person, G W, Enter opens a conflict", async () => {
  const { user } = await openAt("/", "headline");
  await user.click(screen.getByTestId("person"));
  await user.click(await screen.findByTestId("person-desk"));
  await waitFor(() => expect(screen.getByTestId("person").textContent).toMatch(/Front desk/));
  await waitFor(() => expect(document.querySelector("[role=menu]")).toBeNull());
  screen.getByTestId("person").focus();
  await user.keyboard("gw");
  await screen.findAllByTestId("work-row");
  await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("work-list")));
  await user.keyboard("{Enter}");
  expect(await screen.findByTestId("compare")).toBeTruthy();
});

it("leads to the search by its key without typing it", async () => {
  const { user } = await openAt("/patients", "patient-row");
  const search = screen.getByTestId("patient-search") as HTMLInputElement;
  await waitFor(() => expect(document.activeElement).toBe(search));
  await user.keyboard("/");
  expect(search.value).toBe("");
  await user.keyboard("a/");
  expect(search.value).toBe("a/");
});

it("claims for all to see, and snoozes with a reason only", async () => {
  const { user, clinic } = await openAt("/work?cause=fields_differ&grade=3", "work-row");
  leaveFields();
  await user.keyboard("c");
  await waitFor(() => expect(clinic.conflicts.filter((one) => one.claimedBy === "Mara Quinn" && one.id.startsWith("c-phone")).length).toBe(2));
  leaveFields();
  await user.keyboard("s");
  const dialog = within(await screen.findByTestId("reason-dialog"));
  const before = clinic.commands["home.get"]({}).needYou;
  await user.click(dialog.getByRole("button", { name: "Snooze" }));
  expect(await screen.findByText(/Write a reason/)).toBeTruthy();
  await user.type(dialog.getByLabelText(/Why can it wait/), "Owner calls back tomorrow");
  await user.click(dialog.getByRole("button", { name: "Snooze" }));
  await waitFor(() => expect(clinic.commands["home.get"]({}).needYou).toBe(before - 1));
});

it("finds patients as one types, over 100,000 of them, without putting them all on the page", async () => {
  const { user } = await openAt("/patients", "patient-row");
  expect(screen.getByTestId("patient-total").textContent).toBe("100,000 patients");
  expect(screen.getByTestId("patient-grid").getAttribute("aria-rowcount")).toBe("100001");
  expect(screen.getAllByTestId("patient-row").length).toBeLessThan(80);
  await user.type(screen.getByTestId("patient-search"), "milo fischer 0177");
  await waitFor(() => expect(screen.getByTestId("patient-total").textContent).toBe("1 patient found"));
  await user.keyboard("{Enter}");
  expect((await screen.findByTestId("trust-card")).textContent).toMatch(/Chicken, Penicillin.*do not agree/);
});

it("keeps the rows of the last question until the answer to the next has come", async () => {
  const { user, host } = await openAt("/patients", "patient-row");
  const shown = () => screen.getAllByTestId("patient-row").map((row) => row.textContent);
  await waitFor(() => expect(shown()[0]).not.toContain("…"));
  const before = shown();
  const asked = vi.spyOn(host, "call").mockImplementation(() => new Promise(() => undefined));
  await user.type(screen.getByTestId("patient-search"), "milo");
  await waitFor(() => expect(asked).toHaveBeenCalledWith("patients.search", expect.objectContaining({ query: "milo" })));
  expect(shown()).toEqual(before);
  // One row of another question must not be opened in the name of this one.
  await user.keyboard("{Enter}");
  expect(screen.getByTestId("patients")).toBeTruthy();
});

it("leaves out what a role may not do", async () => {
  const { clinic, host } = await openAt("/patients/pb", "toggle-raw");
  clinic.commands["session.switch"]({ personId: "desk" });
  host.emit({ kind: "changed", data: { tags: ["session", "patient"], id: null } });
  await waitFor(() => expect(screen.queryByTestId("toggle-raw")).toBeNull());
  expect(screen.queryByTestId("verify")).toBeNull();
  expect(screen.getByTestId("sync-one")).toBeTruthy();
});
