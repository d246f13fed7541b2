import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { leaveFields, openAt } from "../../test/render";

describe("plan", () => {
  it("shows each write as a sentence, before and after, and literally; approve leaves receipts; undo is previewed", async () => {
    const { user, clinic } = await openAt("/work/c-phone-3", "compare-table");
    leaveFields();
    await user.keyboard("1v");
    const write = await screen.findByTestId("write-ehr");
    expect(write.textContent).toContain("Change owner's phone in the EHR");
    expect(write.querySelector("pre")?.textContent).toMatch(/^PUT \/api\/v1\/patients\/px3\n.*If-Match/s);
    expect(write.textContent).toContain("It relies on version");
    expect(clinic.receipts).toEqual([]);
    await user.keyboard("{Control>}{Enter}{/Control}");
    const receipt = await screen.findByTestId("receipt", {}, { timeout: 4_000 });
    expect(within(receipt).getByTestId("verified").textContent).toBe("Read back and found as sent");
    leaveFields();
    await user.keyboard("u");
    expect(await screen.findByText("Undo: 1 write would be taken back")).toBeTruthy();
    expect(clinic.receipts).toHaveLength(1);
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByText("Undone", {}, { timeout: 4_000 })).toBeTruthy();
    expect(clinic.receipts).toHaveLength(2);
    leaveFields();
    await user.keyboard("gr");
    expect((await screen.findByTestId("not-undoable")).textContent).toMatch(/^Cannot be undone: /);
    expect(screen.getByTestId("undo").hasAttribute("disabled")).toBe(true);
  });

  it("reopens with only what moved when the approval is refused, and keeps the other work", async () => {
    const { user, clinic, router } = await openAt("/work/c-moves", "compare-table");
    leaveFields();
    await user.keyboard("1n3v");
    await screen.findByTestId("approve");
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    const notice = await screen.findByTestId("moved-notice");
    expect(router.state.location.pathname).toBe("/work/c-moves");
    expect(clinic.receipts).toEqual([]);
    expect(notice.textContent).toMatch(/Name moved while you were deciding\. Nothing was written\./);
    expect(notice.textContent).toMatch(/Your other decision is kept/);
    expect(screen.queryByTestId("field-patient.date_of_birth")).toBeNull();
    expect(screen.getByTestId("field-patient.patient_name").textContent).toContain("Not decided yet");
    await user.click(screen.getByTestId("show-all"));
    expect(within(screen.getByTestId("field-patient.date_of_birth")).getByTestId("result").textContent).toContain("2018-01-30");
    screen.getByTestId("field-patient.patient_name").focus();
    await user.keyboard("3v");
    await screen.findByTestId("approve");
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findAllByTestId("receipt", {}, { timeout: 4_000 })).toHaveLength(2);
  });

  it("is taken while a system is paused, says what it waits for, and is written when it is resumed", async () => {
    const { user, clinic, host } = await openAt("/work/c-phone-3", "compare-table");
    await host.call("remotes.pause", { remote: "ehr", reason: "upgrade" });
    leaveFields();
    await user.keyboard("1v");
    await screen.findByTestId("approve");
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect((await screen.findByTestId("plan-waits")).textContent).toMatch(/^Approved; waits until the EHR is resumed/);
    expect(screen.getByTestId("plan-status").textContent).toBe("Approved, waits for a system");
    expect(screen.queryByTestId("approve")).toBeNull();
    expect(clinic.receipts).toEqual([]);
    await host.call("remotes.resume", { remote: "ehr", reason: null });
    expect(await screen.findByTestId("receipt", {}, { timeout: 4_000 })).toBeTruthy();
  });

  it("can be withdrawn while it waits, and is asked about again", async () => {
    const { user, clinic, host } = await openAt("/work/c-phone-3", "compare-table");
    await host.call("remotes.pause", { remote: "ehr", reason: "upgrade" });
    leaveFields();
    await user.keyboard("1v");
    await screen.findByTestId("approve");
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await screen.findByTestId("plan-waits");
    leaveFields();
    await user.keyboard("r");
    const dialog = within(await screen.findByTestId("reason-dialog"));
    await user.type(dialog.getByRole("textbox"), "the owner called again");
    await user.click(dialog.getByRole("button", { name: "Withdraw" }));
    await waitFor(() => expect(clinic.conflicts.find((one) => one.id === "c-phone-3")?.status).toBe("open"));
    expect(clinic.receipts).toEqual([]);
  });

  it("needs a second person for an allergy, who is never the maker", async () => {
    const { user, clinic, host } = await openAt("/work/c-allergy", "compare-table");
    leaveFields();
    await user.keyboard("1v");
    await screen.findByTestId("approve");
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect((await screen.findByTestId("approve-bar")).textContent).toMatch(/Approving this needs a reason\./);
    await user.type(screen.getByLabelText(/Reason/), "Tested negative twice{Control>}{Enter}{/Control}");
    expect((await screen.findByTestId("who-can")).textContent).toMatch(/Nobody approves what they made/);
    expect(clinic.receipts).toEqual([]);
    expect(screen.queryByTestId("approve")).toBeNull();
    expect(host.kind).toBe("sample");
  });

  it("shows the second person the maker's reason and what changed since, and lets them refuse with a reason", async () => {
    const { user, clinic } = await openAt("/work/c-chip", "waiting-second");
    leaveFields();
    await user.keyboard("v");
    const second = await screen.findByTestId("second-person");
    expect(second.textContent).toMatch(/Dana Whitfield asks for a second person.*The chip was replaced.*Changed since.*saved again by Dr\. Imre Lang/);
    leaveFields();
    await user.keyboard("r");
    const dialog = await screen.findByTestId("reason-dialog");
    await user.type(within(dialog).getByLabelText(/Why/), "Read the chip again first");
    await user.click(within(dialog).getByRole("button", { name: "Refuse" }));
    await waitFor(() => expect([...clinic.plans.values()].map((plan) => plan.status)).toEqual(["refused"]));
    expect(clinic.receipts).toEqual([]);
  });

  it("does not send twice while an approval is under way", async () => {
    const { user, clinic } = await openAt("/work/c-phone-5", "compare-table");
    leaveFields();
    await user.keyboard("1v");
    await screen.findByTestId("approve");
    let approvals = 0;
    const approve = clinic.commands["plans.approve"];
    clinic.commands["plans.approve"] = (request) => {
      approvals += 1;
      return approve(request);
    };
    leaveFields();
    await user.keyboard("{Control>}{Enter}{Enter}{Enter}{/Control}");
    await screen.findByTestId("receipt", {}, { timeout: 4_000 });
    expect(approvals).toBe(1);
  });
});
