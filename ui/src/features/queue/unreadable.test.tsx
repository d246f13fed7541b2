import { screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { fakeHost } from "../../host/fake";
import { expectAccessible, leaveFields, openAt } from "../../test/render";

const focused = () => waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("queue-list")));

it("lists what cannot be read beside the queue, with what it is, whose, and why", async () => {
  const { user, router } = await openAt("/queue", "queue-row");
  expect(screen.getByTestId("tab-unreadable").textContent).toMatch(/Unreadable 5/);
  leaveFields();
  await user.keyboard("gu");
  const rows = (await screen.findAllByTestId("unreadable-row", {}, { timeout: 8_000 })).map((row) => row.textContent);
  expect(router.state.location.pathname).toBe("/queue/unreadable");
  expect(rows).toHaveLength(5);
  expect(rows[0]).toMatch(/Bella.*Message about a patient from ServiceNow.*ends in the middle of a value.*Unreadable/);
  expect(rows[3]).toMatch(/Nobody knows whose.*Message from the EHR.*seen 14 times/);
  expect(screen.getByTestId("unreadable-total").textContent).toBe("5 messages and records cannot be read");
  expect(screen.getByTestId("tab-unreadable").getAttribute("aria-current")).toBe("page");
  await expectAccessible();
});

it("gathers by cause and works on all of one cause again, saying what came of it", async () => {
  const { user, clinic } = await openAt("/queue/unreadable?group=true", "unreadable-cause");
  expect(screen.getAllByTestId("unreadable-cause")[0]?.textContent).toMatch(/3 alike/);
  await focused();
  await user.keyboard("{Enter}");
  expect((await screen.findByTestId("cause-bar")).textContent).toMatch(/3 alike/);
  expect(screen.getAllByTestId("unreadable-row")).toHaveLength(3);
  await user.keyboard("a");
  expect(await screen.findAllByText("3 are no better than before.")).not.toEqual([]);
  expect(clinic.quarantine.entries.map((one) => one.times)).toEqual([2, 2, 2, 14, 1]);
});

it("is edited with a reason into an entry of its own; the text as it came is kept", async () => {
  const { user, clinic, router } = await openAt("/queue/unreadable", "unreadable-row");
  await focused();
  await user.keyboard("e");
  const text = (await screen.findByTestId("edit-raw")) as HTMLTextAreaElement;
  await waitFor(() => expect(document.activeElement).toBe(text));
  const before = text.value;
  expect(screen.getByTestId("edit-lacking").textContent).toMatch(/Correct the text first/);
  await user.type(text, '34"}}');
  await waitFor(() => expect(screen.getByTestId("edit-lacking").textContent).toMatch(/Write why/));
  await user.type(screen.getByTestId("edit-reason"), "The line was cut off");
  await expectAccessible();
  await user.keyboard("{Control>}{Enter}{/Control}");
  const lineage = await screen.findByTestId("lineage");
  await waitFor(() => expect(router.state.location.pathname).toBe("/queue/unreadable/q6"));
  expect(lineage.textContent).toMatch(/As it came.*Edited.*open it.*Edit 1 by Mara Quinn.*“The line was cut off”/);
  expect(clinic.quarantine.show("q1").raw).toBe(before);
  expect(clinic.quarantine.show("q1").item.status).toBe("superseded");
});

it("does not let a record's own text be edited, and says why", async () => {
  await openAt("/queue/unreadable/q5", "raw-text");
  expect(screen.getByTestId("edit").hasAttribute("disabled")).toBe(true);
  expect(screen.getByTestId("not-editable").textContent).toMatch(/Correct it there, then replay/);
  expect(screen.getByTestId("dismiss").hasAttribute("disabled")).toBe(true);
  expect(screen.getByTestId("raw-text").textContent).toContain("2019-03-32");
  await expectAccessible();
});

it("is dismissed with a reason only", async () => {
  const { user, clinic } = await openAt("/queue/unreadable/q4", "raw-text");
  leaveFields();
  await user.keyboard("d");
  const dialog = within(await screen.findByTestId("reason-dialog"));
  await user.click(dialog.getByRole("button", { name: "Dismiss it" }));
  expect(clinic.quarantine.show("q4").item.status).toBe("open");
  await user.type(dialog.getByLabelText(/Why is it not needed/), "A test of the operator");
  await user.click(dialog.getByRole("button", { name: "Dismiss it" }));
  await waitFor(() => expect(clinic.quarantine.show("q4").item.status).toBe("dismissed"));
  await waitFor(() => expect(screen.getByTestId("entry").textContent).toMatch(/Dismissed by Mara Quinn/));
});

it("asks for nothing a role may not see", async () => {
  const host = fakeHost(0);
  host.clinic.commands["session.switch"]({ personId: "vet" });
  const call = vi.spyOn(host, "call");
  await openAt("/queue/unreadable", "empty", host);
  expect(screen.getByTestId("empty").textContent).toMatch(/looked after by IT or an administrator/);
  expect(call.mock.calls.map(([name]) => name).filter((name) => name.startsWith("quarantine."))).toEqual([]);
});
