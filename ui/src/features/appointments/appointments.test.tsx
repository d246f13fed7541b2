import { screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { calendarVisit } from "../../host/fake/appointments";
import { expectAccessible, leaveFields, openAt } from "../../test/render";

it("shows a day by clinician, and says what differs, is booked twice and called off", async () => {
  await openAt("/appointments?day=2026-10-05", "day-grid");
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Monday 5 October 2026");
  expect(screen.getByTestId("appointments-lead").textContent).toBe("19 appointments · 1 not agreed · 2 double booked · times of UTC");
  const haddad = screen.getByRole("region", { name: "Dr Haddad: 7" });
  const [first, twin, differs] = within(haddad).getAllByTestId("visit");
  expect(first?.textContent).toMatch(/^09:00 .*double booked/);
  expect(first?.title).toMatch(/double booked with Rocky at 09:10/);
  expect(twin?.textContent).toMatch(/Rocky.*dental/);
  expect(differs?.textContent).toMatch(/Differs/);
  expect(within(haddad).getAllByTestId("visit")[3]?.textContent).toMatch(/cancelled/);
  await expectAccessible();
});

it("grows a column in which many stand side by side, so that each can be read and hit", async () => {
  const { clinic, host } = await openAt("/appointments?day=2026-10-05", "day-grid");
  const calendar = clinic.commands["appointments.calendar"];
  const crowd = Array.from({ length: 7 }, (_, at) => calendarVisit({ id: `crowd-${at}`, clinician: "Dr Lee", beginsMinute: 600, patient: `Guest ${at}` }));
  clinic.commands["appointments.calendar"] = (request) => {
    const view = calendar(request);
    return { ...view, visits: [...view.visits, ...crowd] };
  };
  host.emit({ kind: "changed", data: { tags: ["patients"], id: null } });
  await screen.findByText("Guest 6");
  // Time, Dr Haddad with two side by side, Dr Lee with seven, Dr Okonkwo.
  const widths = screen.getByTestId("day-grid").style.gridTemplateColumns;
  expect(widths).toBe("52px minmax(128px, 1fr) minmax(448px, 1fr) minmax(118px, 1fr)");
});

it("goes from day to day, to a week and to one clinician, by keys", async () => {
  const { user, router } = await openAt("/appointments?day=2026-10-05", "day-grid");
  leaveFields();
  await user.keyboard("]");
  await waitFor(() => expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Tuesday 6 October 2026"));
  await user.keyboard("w");
  const week = await screen.findByTestId("week-table");
  expect(within(week).getAllByRole("columnheader")).toHaveLength(8);
  expect(
    within(week)
      .getAllByRole("rowheader")
      .map(({ textContent }) => textContent),
  ).toEqual(["Dr Haddad", "Dr Lee", "Dr Okonkwo"]);
  await expectAccessible();
  await user.selectOptions(screen.getByTestId("clinician"), "Dr Lee");
  await waitFor(() => expect(within(screen.getByTestId("week-table")).getAllByRole("rowheader")).toHaveLength(1));
  expect(router.state.location.search).toEqual({ day: "2026-10-06", span: "week", clinician: "Dr Lee" });
});

it("opens an appointment by keys, and its question from there", async () => {
  const { user } = await openAt("/appointments?day=2026-10-05", "day-grid");
  leaveFields();
  await user.keyboard("jjj{Enter}");
  await screen.findByTestId("appointment");
  expect(await screen.findByTestId("open-conflict")).toBeTruthy();
  expect(screen.getByTestId("patient-fields").textContent).toMatch(/Start.*differs/);
  await expectAccessible();
});

it("says where the next ones are when a day has none, and saves those it shows as a file", async () => {
  const { user, host } = await openAt("/appointments?day=2026-10-10", "empty");
  await user.click(screen.getByTestId("next-busy"));
  await screen.findByTestId("day-grid");
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Monday 12 October 2026");
  const saved = vi.spyOn(host, "save");
  leaveFields();
  await user.keyboard("e");
  await waitFor(() => expect(saved).toHaveBeenCalledWith(expect.objectContaining({ name: "appointments-2026-10-12.ics", records: 19 })));
  expect(await screen.findByText(/19 appointments saved: appointments-2026-10-12\.ics/)).toBeTruthy();
});

it("says why there is nothing where appointments are not synchronised", async () => {
  const { clinic, user } = await openAt("/", "headline");
  const empty = clinic.commands["appointments.calendar"];
  clinic.commands["appointments.calendar"] = (request) => ({ ...empty({ ...request, day: "2026-10-10" }), off: "Appointments are not synchronised here.", nextBusy: null });
  leaveFields();
  await user.keyboard("ga");
  expect(await screen.findByText("Appointments are not synchronised here.")).toBeTruthy();
});

it("leads on from a link that was kept as a patient's", async () => {
  const { clinic, host, router } = await openAt("/", "headline");
  const patient = clinic.commands["patients.get"];
  clinic.commands["patients.get"] = (request) => ({ ...patient({ id: "p3" }), kind: request.id.startsWith("v-") ? "appointment" : "patient" });
  expect((await host.call("patients.get", { id: "p3" })).kind).toBe("patient");
  await router.navigate({ to: "/patients/$patientId", params: { patientId: "v-2026-10-05-0-0" } });
  await waitFor(() => expect(router.state.location.pathname).toBe("/appointments/v-2026-10-05-0-0"));
  await screen.findByTestId("patient-fields");
});
