import { act, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { fakeHost } from "../../host/fake";
import { expectAccessible, leaveFields, openAt } from "../../test/render";

const dialog = () => within(screen.getByTestId("reason-dialog"));

async function stopped() {
  const host = fakeHost(0);
  host.clinic.brake.stop();
  const opened = await openAt("/", "braked", host);
  leaveFields();
  return { ...opened, become: (person: string) => act(async () => void (await host.call("session.switch", { personId: person }))) };
}

describe("a run over the brake", () => {
  it("says how many would be changed, the limit, and what was counted by field and system", async () => {
    await stopped();
    expect(screen.getByTestId("braked").textContent).toMatch(/Stopped before the first write: 1,412 patients would be changed, the limit is 1,000/);
    const rows = within(screen.getByTestId("braked-counts")).getAllByRole("row");
    expect(rows[0]?.textContent).toBe("FieldServiceNowEHRof these emptied");
    expect(rows[1]?.textContent).toBe("Allergies–33");
    expect(rows[2]?.textContent).toBe("Owner's phone1,204––");
    expect(screen.getByTestId("headline").textContent).toBe("A stopped comparison needs you");
    expect(screen.getByTestId("headline").dataset.calm).toBe("false");
    expect(screen.getByTestId("nav-home").textContent).toMatch(/1 stopped comparison needs you/);
    await expectAccessible();
  });

  it("is let go on by two administrators, with the first one's reason, by keyboard", async () => {
    const { user, clinic, become } = await stopped();
    await user.keyboard("c");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await dialog().findByText(/Write a reason/)).toBeTruthy();
    await user.keyboard("A new telephone system{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.getByTestId("braked-maker").textContent).toMatch(/Mara Quinn asks to let exactly this go on.*“A new telephone system”/));
    expect(screen.getByTestId("who-can").textContent).toBe("Nobody agrees to what they asked for themselves. Ask: another administrator.");
    expect(screen.queryByTestId("braked-agree")).toBeNull();

    await become("chief");
    leaveFields();
    await screen.findByTestId("braked-agree");
    await user.keyboard("a");
    expect(dialog().getByText(/Mara Quinn asks for it: “A new telephone system”/)).toBeTruthy();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.queryByTestId("braked")).toBeNull());
    expect(clinic.brake.view()).toBeNull();
    expect(await screen.findByTestId("run-progress")).toBeTruthy();
  });

  it("lets others look at it, and says who decides", async () => {
    const { become } = await stopped();
    await become("desk");
    await waitFor(() => expect(screen.getByTestId("who-can").textContent).toBe("Only an administrator may continue. Ask: an administrator."));
    expect(screen.queryByTestId("braked-continue")).toBeNull();
    expect(screen.getByTestId("headline").textContent).toBe("A comparison was stopped before it wrote anything");
  });

  it("shows the new count, and says that nothing was written, when it moved meanwhile", async () => {
    const { user, host, clinic } = await stopped();
    await user.keyboard("c");
    // The screen has not heard of it yet when the answer leaves.
    const view = clinic.brake.view();
    clinic.brake.stop({ patients: 1_415, recounted: "Mara Quinn had asked to let 1,412 patients go on. Since then it came to another count, so nothing was written; this one is asked anew." });
    clinic.commands["run.braked"] = () => ({ braked: view });
    await user.keyboard("A new telephone system");
    clinic.commands["run.braked"] = () => ({ braked: clinic.brake.view() });
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.getByTestId("braked").textContent).toMatch(/1,415 patients would be changed/));
    expect(screen.getByTestId("braked-recounted").textContent).toMatch(/nothing was written; this one is asked anew/);
    expect(screen.queryByTestId("reason-dialog")).toBeNull();
    expect(clinic.brake.view()?.maker).toBeNull();
    host.emit({ kind: "changed", data: { tags: ["runs"], id: null } });
  });

  it("waits for the end of a run that is under way", async () => {
    const { user } = await stopped();
    await user.keyboard("y");
    await waitFor(() => expect(screen.getByText(/A comparison is under way/)).toBeTruthy());
    await user.keyboard("c");
    expect(screen.queryByTestId("reason-dialog")).toBeNull();
  });
});
