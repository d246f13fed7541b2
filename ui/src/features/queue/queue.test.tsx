import { act, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { fakeHost } from "../../host/fake";
import { expectAccessible, leaveFields, openAt } from "../../test/render";
import { laneRows } from "./rows";

const active = () => document.getElementById(screen.getByTestId("queue-list").getAttribute("aria-activedescendant") ?? "");

async function mark(user: { keyboard: (keys: string) => Promise<void> }, wanted: RegExp): Promise<void> {
  for (let step = 0; step < 40 && !wanted.test(active()?.textContent ?? ""); step += 1) await user.keyboard("j");
  expect(active()?.textContent).toMatch(wanted);
}

describe("queue", () => {
  it("shows one lane per patient in the order of its writes, with what each waits for", async () => {
    await openAt("/queue", "queue-row");
    const rows = screen.getAllByTestId("queue-row").map((row) => row.textContent ?? "");
    const first = rows.findIndex((text) => text.includes("Bella"));
    expect(rows[first]).toMatch(/Bella.*Change breed in the EHR.*The EHR is busy.*Try 2 of 5 failed, next in \d+ s/);
    expect(rows[first + 1]).toMatch(/then, for Bella.*Change medical notes in ServiceNow.*Waits for the write before it/);
    expect(screen.getByTestId("queue-total").textContent).toBe("15 writes unfinished, 13 of them need an edit");
    expect(screen.getByTestId("nav-queue").textContent).toMatch(/13 need an edit/);
  });

  it("counts down without asking the engine", async () => {
    const host = fakeHost(0);
    const call = vi.spyOn(host, "call");
    await openAt("/queue?patient=pb", "queue-row", host);
    const seconds = () => Number(/next in (\d+) s/.exec(screen.getAllByTestId("queue-state")[0]?.textContent ?? "")?.[1]);
    const before = seconds();
    const asked = call.mock.calls.length;
    await waitFor(() => expect(seconds()).toBeLessThan(before), { timeout: 3_000 });
    expect(call.mock.calls.length).toBe(asked);
  });

  it("is narrowed by chips that stay in the address", async () => {
    const { user, router } = await openAt("/queue", "queue-row");
    await user.click(screen.getByTestId("chip-done"));
    await waitFor(() => expect(screen.getAllByTestId("queue-row").map((row) => row.textContent)).toEqual([expect.stringMatching(/Nala.*Change weight/)]));
    expect(router.state.location.search).toEqual({ state: "done" });
    await user.click(screen.getByTestId("chip-service_now"));
    expect((await screen.findByTestId("empty")).textContent).toMatch(/No write matches/);
    expect(router.state.location.search).toEqual({ state: "done", remote: "service_now" });
    await user.click(screen.getByTestId("chip-done"));
    await waitFor(() => expect(screen.getAllByTestId("queue-row").length).toBeGreaterThan(10));
  });

  it("gathers what failed alike and replays it in order, with a reason", async () => {
    const { user, clinic, router } = await openAt("/queue", "queue-row");
    leaveFields();
    await user.keyboard("x");
    const groups = await screen.findAllByTestId("queue-cause");
    expect(groups[0]?.textContent).toMatch(/12 alike.*Refused \(400\): Owner's phone.*at most 16 characters/);
    await user.keyboard("{Enter}");
    expect((await screen.findByTestId("cause-bar")).textContent).toMatch(/12 alike/);
    expect(router.state.location.search).toMatchObject({ cause: "servicenow refused 400 owner_phone 5f1d" });
    await user.keyboard("a");
    const dialog = within(await screen.findByTestId("reason-dialog"));
    await user.click(dialog.getByRole("button", { name: "Replay all 12" }));
    expect(await screen.findByText(/Write a reason/)).toBeTruthy();
    expect(clinic.queue.causes().find((one) => one.count === 12)).toBeTruthy();
    await user.type(dialog.getByLabelText(/Why will it work now/), "The column takes 40 characters now");
    await user.click(dialog.getByRole("button", { name: "Replay all 12" }));
    await waitFor(() => expect(clinic.queue.operations.filter((one) => one.cause?.includes("5f1d")).map((one) => one.status)).toEqual(Array(12).fill("done")));
    expect(await screen.findAllByText(/12 writes are on their way again, in their original order/)).not.toEqual([]);
    expect((await screen.findByTestId("empty")).textContent).toMatch(/No write matches/);
  });

  it("keeps the mark on the same write, and the focus, while others come and go", async () => {
    const { user, clinic } = await openAt("/queue", "queue-row");
    await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("queue-list")));
    await mark(user, /Milo/);
    const before = active()?.id;
    act(() => void clinic.queue.cancel("o1"));
    await waitFor(() => expect(screen.queryByText("Fritzi")).toBeNull());
    expect(active()?.textContent).toMatch(/Milo/);
    expect(active()?.id).not.toBe(before);
    expect(document.activeElement).toBe(screen.getByTestId("queue-list"));
  });

  it("retries what was refused and cancels by key, both with a reason", async () => {
    const { user, clinic } = await openAt("/queue?state=parked", "queue-row");
    await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("queue-list")));
    await user.keyboard("r");
    // It was refused: sent again unchanged, that is overruled.
    expect(clinic.queue.find("o1").status).toBe("parked");
    await user.keyboard("The column is wider now{Control>}{Enter}{/Control}");
    await waitFor(() => expect(clinic.queue.find("o1").status).toBe("done"));
    await mark(user, /Paula/);
    await user.keyboard("c");
    const dialog = within(await screen.findByTestId("reason-dialog"));
    expect(clinic.queue.find("o2").status).toBe("parked");
    await user.type(dialog.getByLabelText(/Why/), "The owner moved");
    await user.click(dialog.getByRole("button", { name: "Cancel the write" }));
    await waitFor(() => expect(clinic.queue.find("o2").status).toBe("cancelled"));
  });

  it("fetches further lanes as one comes near the end", async () => {
    const host = fakeHost(0);
    const list = host.clinic.queue.list.bind(host.clinic.queue);
    const asked: number[] = [];
    host.clinic.commands["queue.list"] = (query) => {
      const template = list({ ...query, states: [], offset: 0, limit: 1 });
      if (query.limit === 1) return template;
      asked.push(query.offset);
      const lanes = Array.from({ length: 100 }, (_, index) => {
        const id = `many-${query.offset + index}`;
        return template.lanes.map((lane) => ({ ...lane, patientId: id, operations: lane.operations.map((one) => ({ ...one, id, patientId: id })) }))[0];
      }).filter((lane) => lane !== undefined);
      return { ...template, lanes, total: 50_000 };
    };
    const { user } = await openAt("/queue", "queue-row", host);
    expect(asked).toEqual([0]);
    expect(screen.getAllByTestId("queue-row").length).toBeLessThan(60);
    await user.keyboard("{End}");
    await waitFor(() => expect(asked).toEqual([0, 100]));
  });
});

describe("systems", () => {
  it("pauses with a reason, holds what is decided, and sends it when resumed", async () => {
    const { user, clinic } = await openAt("/queue", "queue-row");
    leaveFields();
    await user.keyboard("p1");
    const dialog = within(await screen.findByTestId("reason-dialog"));
    await user.type(dialog.getByLabelText(/Why/), "Upgrade until noon");
    await user.click(dialog.getByRole("button", { name: "Pause ServiceNow" }));
    const card = () => screen.getByTestId("remote-service_now").textContent;
    await waitFor(() => expect(card()).toMatch(/paused.*ServiceNow is paused by Mara Quinn: nothing is sent to it.*“Upgrade until noon”/));
    act(() => void clinic.queue.retry("o1", "It answers again"));
    await user.click(screen.getByTestId("chip-waiting"));
    await waitFor(() => expect(screen.getAllByTestId("queue-row")[0]?.textContent).toMatch(/Fritzi.*Waiting for its turn; ServiceNow is paused by Mara Quinn/));
    leaveFields();
    await user.keyboard("gh");
    await screen.findByTestId("metrics");
    await waitFor(() => expect(card()).toMatch(/paused, 2 writes waiting.*see the queue/));
    expect(screen.getByTestId("offline-banner").textContent).toMatch(/ServiceNow is paused\..*when it is resumed/);
    await user.click(screen.getByTestId("queue-of-service_now"));
    await screen.findAllByTestId("queue-row");
    leaveFields();
    await user.keyboard("p1");
    await waitFor(() => expect(clinic.queue.find("o1").status).toBe("done"));
    expect(card()).toMatch(/answering/);
  });

  it("says what is wrong and the way out, counts down, takes note of who looks after it, and tries now", async () => {
    const host = fakeHost(0);
    host.clinic.queue.trouble("service_now", "sign_in_refused");
    host.clinic.queue.trouble("ehr", "breaker_open");
    const { user, clinic } = await openAt("/queue", "incident", host);
    const card = (remote: string) => screen.getByTestId(`remote-${remote}`).textContent;
    expect(card("service_now")).toMatch(/sign-in refused.*The key of the integration user has expired.*vetsync doctor.*3 times.*nobody looks after it yet/);
    expect(card("ehr")).toMatch(/breaker open, next try in 00:\d\d/);
    await expectAccessible();
    leaveFields();
    await user.keyboard("i1");
    await waitFor(() => expect(card("service_now")).toMatch(/Mara Quinn looks after it/));
    await user.keyboard("t3");
    await waitFor(() => expect(clinic.queue.sides.ehr.health).toBe("answering"));
    await waitFor(() => expect(card("ehr")).toMatch(/answering, 212 ms/));
  });

  it("counts anew whenever the queue moves", async () => {
    const { clinic, host } = await openAt("/queue", "remotes");
    await waitFor(() => expect(screen.getByTestId("remote-service_now").textContent).toMatch(/12 need an edit/));
    clinic.queue.operations = clinic.queue.operations.filter((one) => one.id !== "o1");
    host.emit({ kind: "changed", data: { tags: ["queue"], id: "px0" } });
    await waitFor(() => expect(screen.getByTestId("remote-service_now").textContent).toMatch(/11 need an edit/));
  });

  it("tells a rate limit and until when", async () => {
    const host = fakeHost(0);
    host.clinic.queue.trouble("service_now", "rate_limited");
    await openAt("/queue", "remotes", host);
    const card = screen.getByTestId("remote-service_now");
    expect(card.textContent).toMatch(
      /rate limited until \d\d:\d\d:\d\d, next try in 00:\d\d.*asked VetSync to wait.*asked to wait, \d+ s left.*at most 600 requests a minute from VetSync.*it allows 5,000 an hour \(Table API\).*counted anew at/,
    );
    expect(within(card).queryByTestId("try-service_now")).toBeNull();
  });
});

it("lists its keys, each naming the system it acts on", async () => {
  const { user } = await openAt("/queue", "queue-row");
  await screen.findByTestId("pause-ehr");
  leaveFields();
  await user.keyboard("?");
  const help = await screen.findByTestId("help");
  expect(help.textContent).toMatch(/P then 1Pause: ServiceNow.*P then 3Pause: EHR/);
  expect(help.textContent).toMatch(/G then QQueue.*G then UUnreadable/);
  expect(help.textContent).toMatch(/EEdit and resend.*RRetry now.*CCancel.*XGroup by cause/);
});

it("is reached from a patient whose write waits", async () => {
  const host = fakeHost(0);
  const patient = host.clinic.commands["patients.get"];
  host.clinic.commands["patients.get"] = (request) => ({ ...patient(request), patient: { ...patient(request).patient, status: "waiting" } });
  const { user } = await openAt("/patients/pb", "see-queue", host);
  leaveFields();
  await user.keyboard("o");
  expect((await screen.findAllByTestId("queue-row")).map((row) => row.textContent)).toEqual([expect.stringMatching(/^Bella/), expect.stringMatching(/^then, for Bella/)]);
});

describe("a write", () => {
  it("shows the literal request as frozen, its tries, and the way to everything it belongs to", async () => {
    await openAt("/queue/o13", "literal-request");
    expect(screen.getByTestId("literal-request").textContent).toMatch(/PUT \/api\/v1\/patients\/pb.*If-Match/s);
    expect(screen.getByTestId("attempts").textContent).toMatch(/Try 2: Busy or failing.*Try 1: No answer.*may have been carried out all the same/);
    const links = [...document.querySelectorAll("dl a")].map((link) => link.getAttribute("href"));
    expect(links).toEqual(["/patients/pb", "/plans/plan-of-o13", "/work/c-owner"]);
    expect(screen.getByTestId("not-editable").textContent).toMatch(/it has not been refused/);
    expect(screen.getByTestId("edit").hasAttribute("disabled")).toBe(true);
    await expectAccessible();
  });

  it("is edited, shown as a plan, approved, and keeps its lineage", async () => {
    const { user, clinic, router } = await openAt("/queue/o15", "problem");
    leaveFields();
    await user.keyboard("e");
    const email = (await screen.findByTestId("edit-patient.owner_email")) as HTMLInputElement;
    await waitFor(() => expect(document.activeElement).toBe(email));
    expect(screen.getByTestId("edit-lacking").textContent).toMatch(/Correct a value first/);
    await user.clear(email);
    await user.type(email, "h.fischer@example.org");
    await waitFor(() => expect(screen.getByTestId("edit-lacking").textContent).toMatch(/Write why/));
    await user.type(screen.getByTestId("edit-reason"), "The ending was missing");
    await expectAccessible();
    leaveFields();
    await user.keyboard("v");
    await screen.findByTestId("approve");
    const write = screen.getByTestId("write-ehr");
    expect(write.querySelector("pre")?.textContent).toContain("h.fischer@example.org");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Resend: this will make 1 write in place of the refused one");
    expect(clinic.queue.find("o15").status).toBe("parked");
    leaveFields();
    await user.keyboard("{Escape}");
    expect(((await screen.findByTestId("edit-patient.owner_email")) as HTMLInputElement).value).toBe("h.fischer@example.org");
    await waitFor(() => expect(screen.getByTestId("see-plan").hasAttribute("disabled")).toBe(false));
    leaveFields();
    await user.keyboard("v");
    await screen.findByTestId("approve");
    leaveFields();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await screen.findByTestId("receipt", {}, { timeout: 4_000 });
    expect(clinic.queue.find("o15").status).toBe("cancelled");
    await act(() => router.navigate({ to: "/queue/$operationId", params: { operationId: "o15" } }));
    const lineage = await screen.findByTestId("lineage");
    expect(lineage.textContent).toMatch(/First by Dana Whitfield.*Cancelled · this one.*Edit 1 by Mara Quinn.*“The ending was missing”.*Done/);
  });

  it("says by the engine's own rules why a value cannot be sent", async () => {
    const { user } = await openAt("/queue/o15?edit=true", "edit-form");
    const phone = screen.getByTestId("edit-patient.owner_phone");
    await user.clear(phone);
    await user.type(phone, "12");
    expect(await screen.findByText(/too few digits.*area code/)).toBeTruthy();
    expect(screen.getByTestId("edit-lacking").textContent).toMatch(/cannot be used yet/);
    expect(screen.getByTestId("see-plan").hasAttribute("disabled")).toBe(true);
  });

  it("keeps what is typed while the queue moves", async () => {
    const { user, clinic } = await openAt("/queue/o15?edit=true", "edit-form");
    const email = screen.getByTestId("edit-patient.owner_email") as HTMLInputElement;
    await waitFor(() => expect(document.activeElement).toBe(email));
    await user.type(email, ".org");
    act(() => void clinic.queue.cancel("o1"));
    await waitFor(() => expect(screen.getByTestId("nav-queue").textContent).toMatch(/12 need an edit/));
    expect(email.value).toBe("h.fischer@example.org");
    expect(document.activeElement).toBe(email);
  });

  it("names a write that is not there", async () => {
    await openAt("/queue/o999", "failure");
    expect(screen.getByTestId("failure").textContent).toMatch(/no such operation.*Go back to the queue/);
  });
});

describe("roles", () => {
  it("is absent for the front desk, which reads who looks after it", async () => {
    const host = fakeHost(0);
    host.clinic.commands["session.switch"]({ personId: "desk" });
    const call = vi.spyOn(host, "call");
    const { user, router } = await openAt("/queue", "empty", host);
    expect(screen.getByTestId("empty").textContent).toMatch(/looked after by IT or an administrator/);
    expect(screen.queryByTestId("nav-queue")).toBeNull();
    expect(call.mock.calls.map(([name]) => name).filter((name) => /^(queue|remotes|incidents)\./.test(name))).toEqual([]);
    await act(() => router.navigate({ to: "/" }));
    await screen.findByTestId("headline");
    leaveFields();
    await user.keyboard("gq");
    expect(router.state.location.pathname).toBe("/");
  });

  it("shows who may act to those who may only look", async () => {
    const host = fakeHost(0);
    const session = host.clinic.commands["session.get"];
    const look = (capability: string) => !["edit_queue", "control_remotes", "acknowledge_incidents"].includes(capability);
    host.clinic.commands["session.get"] = (request) => ({ ...session(request), capabilities: session(request).capabilities.filter(look) });
    const list = host.clinic.commands["queue.list"];
    const none = { mayEdit: false, mayRetry: false, mayCancel: false, whoCan: "IT or an administrator" };
    host.clinic.commands["queue.list"] = (query) => {
      const all = list(query);
      return { ...all, lanes: all.lanes.map((lane) => ({ ...lane, operations: lane.operations.map((one) => ({ ...one, ...none })) })) };
    };
    const status = host.clinic.commands["remotes.status"];
    host.clinic.commands["remotes.status"] = (request) => ({ ...status(request), mayControl: false, whoCan: "IT or an administrator" });
    await openAt("/queue", "queue-row", host);
    expect(await screen.findByText(/To pause, resume or try a system, ask IT or an administrator/)).toBeTruthy();
    expect((await screen.findByTestId("who-can")).textContent).toMatch(/ask IT or an administrator/);
    for (const hand of ["edit", "retry", "cancel", "pause-ehr"]) expect(screen.queryByTestId(hand)).toBeNull();
  });
});

it("loses no write between lanes and rows", () => {
  const { lanes } = fakeHost(0).clinic.queue.list({ states: [], remote: null, cause: null, patientId: null, offset: 0, limit: 200 });
  expect(laneRows(lanes).map((row) => row.id)).toEqual(lanes.flatMap((lane) => lane.operations.map((one) => one.id)));
});
