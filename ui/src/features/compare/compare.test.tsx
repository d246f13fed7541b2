import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { fakeHost } from "../../host/fake";
import { expectAccessible, leaveFields, openAt } from "../../test/render";

const row = (field: string) => screen.getByTestId(`field-patient.${field}`);
const resultOf = (field: string) => within(row(field)).getByTestId("result").textContent ?? "";
const lacking = () => screen.getByTestId("plan-lacking").textContent ?? "";
const live = () => screen.getByTestId("live-region").textContent ?? "";

describe("compare", () => {
  it("shows four columns in fixed order and folds what agrees", async () => {
    await openAt("/work/c-owner", "compare-table");
    const text = screen.getByTestId("compare-table").textContent ?? "";
    const places = ["ServiceNow now", "Last agreed", "EHR now", "Result"].map((word) => text.indexOf(word));
    expect(places.every((place, index) => place >= 0 && place > (places[index - 1] ?? -1))).toBe(true);
    expect(screen.getByTestId("agreeing").querySelector("summary")?.textContent).toBe("7 fields agree");
    expect(text).toContain("SNOMED CT 62137007");
    expect(text).toContain("written as “415-555-0134”");
  });

  it("marks the characters that differ from the last agreed value", async () => {
    await openAt("/work/c-owner", "compare-table");
    expect([...row("owner_email").querySelectorAll("ins")].map((mark) => mark.textContent).join("")).toBe("na");
  });

  it("marks both sides alike where nothing was agreed", async () => {
    await openAt("/work/c-phone-0", "compare-table");
    expect([...row("owner_phone").querySelectorAll("ins")].map((mark) => mark.textContent)).toEqual(["2", "3"]);
  });

  it("marks the same place on both sides, also beside like characters", async () => {
    // +1 415 555 0212 against +1 415 555 0312: one digit differs, though the other 2 could be aligned as well.
    await openAt("/work/c-phone-2", "compare-table");
    const places = [...row("owner_phone").querySelectorAll("ins")].map((mark) => mark.previousSibling?.textContent);
    expect(places).toEqual(["+1 415 555 0", "+1 415 555 0"]);
  });

  it("marks numbers of one length place by place", async () => {
    await openAt("/work/c-chip", "compare-table");
    expect([...row("microchip_id").querySelectorAll("ins")].map((mark) => mark.textContent)).toEqual(["39"]);
  });

  it("tells the difference once to the eye, and to screen readers as the row's description", async () => {
    await openAt("/work/c-allergy", "compare-table");
    const description = document.getElementById(row("allergies").getAttribute("aria-describedby") ?? "");
    expect(description?.textContent).toBe("Penicillin was removed in ServiceNow; the EHR still lists it.");
    expect(row("allergies").getAttribute("aria-label")).toBeNull();
  });

  it("says that an unknown conflict does not exist, not that it is settled", async () => {
    await openAt("/work/nothing-of-that-name", "empty");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("There is no such conflict");
  });

  it("applies no suggestion by itself, and all open ones on A", async () => {
    const { user } = await openAt("/work/c-owner", "compare-table");
    expect(within(row("breed")).getByTestId("suggestion").textContent).toContain("only one of the two with a code");
    expect(resultOf("breed")).toContain("Not decided yet");
    leaveFields();
    await user.keyboard("a");
    await waitFor(() => expect(resultOf("breed")).toContain("From ServiceNow"));
    expect(live()).toMatch(/One suggestion taken/);
  });

  it("decides by 1, 2 and 3 on the current difference, moves with N and P, and takes groups together", async () => {
    const { user } = await openAt("/work/c-owner", "compare-table");
    leaveFields();
    await user.keyboard("3");
    await waitFor(() => expect(resultOf("owner_phone")).toContain("+1 415 555 0143"));
    expect(resultOf("owner_email")).toContain("From the EHR");
    expect(live()).toMatch(/Together with Owner's e-mail/);
    await user.keyboard("nn");
    expect(document.activeElement).toBe(row("breed"));
    await user.keyboard("2");
    await waitFor(() => expect(resultOf("breed")).toContain("As last agreed"));
    await user.keyboard("p1");
    await waitFor(() => expect(resultOf("owner_phone")).toContain("+1 415 555 0134"));
    await user.keyboard("0");
    await waitFor(() => expect(resultOf("owner_phone")).toContain("Left open"));
  });

  it("checks an own value as typed, and makes no plan from a wrong one", async () => {
    const { user, router } = await openAt("/work/c-phone-0", "compare-table");
    leaveFields();
    await user.keyboard("4");
    const input = await screen.findByLabelText("Your own value for Owner's phone");
    await waitFor(() => expect(document.activeElement).toBe(input));
    await user.type(input, "123");
    expect(await screen.findByText(/too few digits.*with area code/)).toBeTruthy();
    await user.keyboard("{Escape}v");
    await waitFor(() => expect(live()).toMatch(/your own value is not right yet/));
    expect(lacking()).toMatch(/your own value is not right yet/);
    expect(router.state.location.pathname).toBe("/work/c-phone-0");
    await user.type(input, "4155550188");
    expect(await screen.findByText(/Will be saved as “\+1 415 555 0188”/)).toBeTruthy();
    await user.keyboard("{Enter}v");
    expect(await screen.findByText("This will make 2 writes")).toBeTruthy();
  });

  it("refuses a plan of nothing and of half a group, in words", async () => {
    const { user } = await openAt("/work/c-owner", "compare-table");
    leaveFields();
    await user.keyboard("v");
    expect(lacking()).toMatch(/Decide at least one/);
    expect(screen.getByTestId("make-plan").hasAttribute("disabled")).toBe(true);
    await waitFor(() => expect(live()).toMatch(/Decide at least one/));
    await user.keyboard("4");
    await user.type(await screen.findByLabelText("Your own value for Owner's phone"), "4155550188");
    await user.keyboard("{Enter}v");
    await waitFor(() => expect(lacking()).toMatch(/move together.*Owner's e-mail/));
  });

  it("saves the draft by itself and shows it again", async () => {
    const first = await openAt("/work/c-phone-1", "compare-table");
    leaveFields();
    await first.user.keyboard("3");
    await waitFor(() => expect(first.clinic.commands["conflicts.get"]({ id: "c-phone-1" }).draft).toEqual([{ field: "patient.owner_phone", choice: "take_ehr", own: null }]));
    expect(await screen.findByText("draft saved")).toBeTruthy();
  });

  it("lets a role look at what it may not decide, and says who can", async () => {
    const { user, clinic, host } = await openAt("/work/c-allergy", "compare-table");
    clinic.commands["session.switch"]({ personId: "desk" });
    host.emit({ kind: "changed", data: { tags: ["conflict", "session"], id: null } });
    await screen.findByText(/decide it\. Ask: a clinician or an administrator\.$/);
    expect(lacking()).toBe("You may decide nothing here. Ask: a clinician or an administrator.");
    expect(screen.getByTestId("make-plan").hasAttribute("disabled")).toBe(true);
    leaveFields();
    await user.keyboard("3");
    await waitFor(() => expect(live()).toMatch(/may not decide/));
    expect(resultOf("allergies")).toContain("Not decided yet");
  });

  it("keeps the focus on its row when the same question is read again", async () => {
    const { user, host, client } = await openAt("/work/c-owner", "compare-table");
    leaveFields();
    await user.keyboard("n");
    const focused = document.activeElement;
    host.emit({ kind: "changed", data: { tags: ["conflict"], id: "c-owner" } });
    await waitFor(() => expect(client.isFetching()).toBe(0));
    expect(document.activeElement).toBe(focused);
    expect(focused?.isConnected).toBe(true);
  });

  it("offers no answer that would be refused, and says what to do instead", async () => {
    const { user } = await openAt("/work/c-duplicate", "candidate");
    leaveFields();
    expect(screen.getByTestId("same-animal")).toBeTruthy();
    await user.keyboard("j");
    await waitFor(() => expect(screen.queryByTestId("same-animal")).toBeNull());
    expect(screen.getByTestId("not-linkable").textContent).toMatch(/merge them in ServiceNow, or say they are not the same/);
    await user.keyboard("1");
    expect(screen.queryByTestId("reason-dialog")).toBeNull();
    expect(screen.getByTestId("not-same-animal")).toBeTruthy();
  });

  it("asks whether two records are the same animal, with evidence and a reason", async () => {
    const { user } = await openAt("/work/c-duplicate", "candidate");
    expect(screen.getAllByTestId("candidate")[0]?.textContent).toMatch(/The owner's phone is the same.*Sato, Satoh/);
    leaveFields();
    await user.keyboard("j2");
    const dialog = await screen.findByTestId("reason-dialog");
    expect(dialog.textContent).toMatch(/Coco and Cocoa are not the same animal/);
    await user.click(within(dialog).getByRole("button", { name: "See the plan" }));
    expect(dialog.textContent).toMatch(/Write a reason/);
    await user.type(within(dialog).getByLabelText(/How do you know/), "Different colour");
    await user.click(within(dialog).getByRole("button", { name: "See the plan" }));
    expect(await screen.findByText("This makes no writes")).toBeTruthy();
  });

  it("says of a decision that waits for a system what it waits for, here, in the work list and in the queue", async () => {
    const host = fakeHost(0);
    await host.call("remotes.pause", { remote: "service_now", reason: "upgrade" });
    const view = await host.call("conflicts.get", { id: "c-phone-3" });
    const [field] = view.fields;
    const plan = await host.call("plans.make", { conflictId: "c-phone-3", fingerprint: view.fingerprint, choices: [{ field: field?.field ?? "", choice: "take_ehr", own: null }], reason: null });
    await host.call("plans.approve", { planId: plan.id, hash: plan.hash, reason: null });
    const { user, router } = await openAt("/work/c-phone-3", "compare-table", host);
    expect(screen.getByTestId("conflict-waits").textContent).toMatch(/waits until ServiceNow is resumed/);
    await user.keyboard("v");
    await screen.findByTestId("plan-waits");
    await router.navigate({ to: "/work" });
    expect((await screen.findAllByText(/Approved; waits until ServiceNow is resumed/)).length).toBeGreaterThan(0);
    await router.navigate({ to: "/queue" });
    expect((await screen.findByTestId("waiting-plan")).textContent).toContain(plan.patient);
    await expectAccessible();
  });

  it("tells what was overwritten, and settles it when somebody has looked", async () => {
    const host = fakeHost(0);
    const conflict = host.clinic.conflicts.find((one) => one.id === "c-phone-3");
    if (!conflict) throw new Error("the sample has it");
    Object.assign(conflict, { cause: "overwritten", why: "Somebody else changed this record in ServiceNow in the moment VetSync wrote to it." });
    const { user } = await openAt("/work/c-phone-3", "compare-table", host);
    expect((await screen.findByTestId("overwritten")).textContent).toMatch(/Somebody’s change may be gone.*in the moment VetSync wrote/);
    leaveFields();
    await user.keyboard("y");
    const dialog = within(await screen.findByTestId("reason-dialog"));
    await user.click(dialog.getByRole("button", { name: "Settle it" }));
    expect(await screen.findByText(/Write a reason/)).toBeTruthy();
    await user.type(dialog.getByRole("textbox"), "called the owner, the number is right");
    await user.click(dialog.getByRole("button", { name: "Settle it" }));
    await waitFor(() => expect(conflict.status).toBe("closed"));
  });

  it("names what an appointment runs into, and takes as an answer that it is right as it is", async () => {
    const { user } = await openAt("/work/c-double", "broken-rule");
    const notice = screen.getByTestId("broken-rule");
    expect(notice.textContent).toContain("Coco, Mon 5 Oct 2026, 14:15 to 14:45 (Europe/Berlin) · Vaccination");
    expect(within(notice).getByRole("link", { name: "Coco" }).getAttribute("href")).toBe("/appointments/v-other");
    expect(screen.queryByTestId("plan")).toBeNull();
    await expectAccessible();
    await user.keyboard("y");
    await user.type(await screen.findByRole("textbox"), "an emergency, squeezed in");
    await user.click(screen.getByRole("button", { name: /Settle it/ }));
    await waitFor(() => expect(screen.queryByTestId("broken-rule")).toBeNull());
  });
});
