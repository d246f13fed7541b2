import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { expectAccessible, leaveFields, openAt } from "../../test/render";

it("lists pairs by tier, narrows them, and finds them by word", async () => {
  const { user, router } = await openAt("/", "headline");
  leaveFields();
  await user.keyboard("gd");
  await screen.findAllByTestId("duplicate-row");
  expect(screen.getByTestId("duplicates-lead").textContent).toBe("1 contradictory · 2 probable · 1 possible");
  expect(screen.getAllByTestId("duplicate-row")[0]?.textContent).toMatch(/Contradictory.*Max.*Xanthippe/);
  await expectAccessible();
  await user.click(screen.getByTestId("chip-probable"));
  await waitFor(() => expect(screen.getAllByTestId("duplicate-row")).toHaveLength(2));
  await user.type(screen.getByTestId("duplicates-search"), "bela");
  await waitFor(() => expect(screen.getAllByTestId("duplicate-row")).toHaveLength(1));
  expect(router.state.location.search).toEqual({ tier: "probable", text: "bela" });
});

it("shows evidence, both records and what hangs on each before it links, with a reason only", async () => {
  const { user, clinic } = await openAt("/duplicates/servicenow:77aa01~ehr:pat-40", "duplicate-fields");
  expect(screen.getByTestId("evidence").textContent).toMatch(/same phone number.*Nothing speaks against it/);
  expect(screen.getByTestId("dependants").textContent).toMatch(/4 appointments and 2 treatments in ServiceNow.*1 appointment and 0 treatments in the EHR/);
  expect(screen.getByTestId("duplicate-fields").querySelectorAll("[data-differs=true]")).toHaveLength(1);
  leaveFields();
  await user.keyboard("1");
  const dialog = within(await screen.findByTestId("reason-dialog"));
  await user.click(dialog.getByRole("button", { name: "Link: same animal" }));
  expect(await screen.findByText(/Write a reason/)).toBeTruthy();
  await user.type(dialog.getByLabelText(/How do you know/), "The owner confirmed it");
  await user.click(dialog.getByRole("button", { name: "Link: same animal" }));
  await screen.findAllByTestId("duplicate-row");
  expect(clinic.duplicates.items.find(({ id }) => id.endsWith("pat-40"))).toMatchObject({ state: "same", reason: "The owner confirmed it" });
});

it("remembers that two are not one, lists them apart, and says why it asks again", async () => {
  const { user } = await openAt("/duplicates/servicenow:88bb02~ehr:pat-60", "duplicate-fields");
  expect(screen.getByTestId("duplicate-lead").textContent).toMatch(/Mara Quinn said “not the same animal”.*the microchip changed/);
  leaveFields();
  await user.keyboard("2");
  const dialog = within(await screen.findByTestId("reason-dialog"));
  await user.type(dialog.getByLabelText(/How do you know/), "Brothers, each with his own chip");
  await user.click(dialog.getByRole("button", { name: "Not the same animal" }));
  await screen.findAllByTestId("duplicate-row");
  await user.click(screen.getByTestId("chip-different"));
  await waitFor(() => expect(screen.getAllByTestId("duplicate-row").map(({ textContent }) => textContent)).toEqual([expect.stringMatching(/Charlie.*Brothers, each with his own chip/)]));
});

it("puts off, and offers no link within one system", async () => {
  const { user } = await openAt("/duplicates/ehr:pat-50~ehr:pat-51", "duplicate-fields");
  expect(screen.getByTestId("not-linkable").textContent).toMatch(/merges nothing there/);
  expect(screen.getByTestId("link").textContent).toMatch(/to be merged/);
  leaveFields();
  await user.keyboard("s");
  const dialog = within(await screen.findByTestId("reason-dialog"));
  await user.type(dialog.getByLabelText(/Why can it wait/), "The owner comes on Friday");
  await user.click(dialog.getByRole("button", { name: "Put off" }));
  await waitFor(() => expect(screen.getByTestId("duplicates-lead").textContent).toMatch(/1 probable/));
});

it("lets those look who may not answer", async () => {
  const { clinic, host } = await openAt("/duplicates/servicenow:77aa01~ehr:pat-40", "link");
  clinic.commands["session.switch"]({ personId: "it" });
  host.emit({ kind: "changed", data: { tags: ["session", "conflicts"], id: null } });
  await waitFor(() => expect(screen.queryByTestId("link")).toBeNull());
  expect(screen.queryByTestId("distinct")).toBeNull();
  expect(screen.getByText(/You may look at this but not answer it/)).toBeTruthy();
});
