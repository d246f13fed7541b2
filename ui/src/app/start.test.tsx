import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import type { ApiError } from "../bindings/types";
import { fakeHost, fullDisk } from "../host/fake";
import { CallFailed, type Host } from "../host/types";
import { expectAccessible, leaveFields, openAt } from "../test/render";
import { App } from "./App";

const cases: [string, ApiError, RegExp][] = [
  ["no keyring", { code: "internal", message: "No secret service answers.", wayOut: "Unlock the keyring.", field: "keyring" }, /key store does not answer/],
  ["wrong key, as the shell tells it", { code: "locked", message: "The database cannot be opened with this key", wayOut: "Restore the keyring entry.", field: "database_key" }, /key does not fit/],
  ["a secret that is not stored", { code: "locked", message: "The secret ehr-private-key is not stored in the keyring", wayOut: "Store it once.", field: "secret" }, /key or password is missing/],
  ["wrong key", { code: "internal", message: "The database key does not open the cache.", wayOut: "Restore the key.", field: "database_key" }, /key does not fit/],
  ["full disk", { code: "internal", message: "There is no space left on the disk.", wayOut: "Free 200 MB.", field: null }, /no room left/],
  ["locked database", { code: "locked", message: "Another program holds it.", wayOut: "Close it.", field: null }, /in use/],
  ["configuration", { code: "invalid", message: "Line 7, key batch_schedule: expected a time.", wayOut: "Correct it.", field: "batch_schedule" }, /configuration is not right/],
  ["something else", { code: "internal", message: "Something failed.", wayOut: "Tell IT.", field: null }, /could not start/],
];

it.each(cases)("shows a full screen for: %s", async (_name, error, title) => {
  const good = fakeHost(0);
  let failing = true;
  const host: Host = {
    ...good,
    call: (name, request) => (failing ? Promise.reject(new CallFailed(error)) : good.call(name, request)),
  };
  render(<App host={host} />);
  const problem = await screen.findByTestId("start-problem");
  expect(screen.getByRole("heading", { level: 1 }).textContent).toMatch(title);
  expect(problem.textContent).toContain(error.message);
  expect(problem.textContent).toContain(error.wayOut);
  await expectAccessible();
  failing = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByTestId("headline")).toBeTruthy();
});

it("says on every screen that nothing can be stored, until it can", async () => {
  const host = fakeHost(0);
  host.clinic.storage = fullDisk();
  const { user } = await openAt("/", "storage-banner", host);
  expect(screen.getByTestId("storage-banner").textContent).toMatch(/The disk is full.*Nothing is lost.*Free some space.*goes on by itself.*Since/);
  expect(screen.getByTestId("headline").textContent).toBe("The disk is full");
  expect(screen.getByTestId("headline").dataset.calm).toBe("false");
  leaveFields();
  await user.keyboard("gw");
  await screen.findAllByTestId("work-row");
  expect(screen.getByTestId("storage-banner")).toBeTruthy();
  await expectAccessible();
  host.clinic.storage = null;
  host.emit({ kind: "changed", data: { tags: ["home"], id: null } });
  await waitFor(() => expect(screen.queryByTestId("storage-banner")).toBeNull());
});

it("treats silent systems as no block: the cache is shown under a banner", async () => {
  const host = fakeHost(0);
  host.clinic.queue.trouble("service_now", "breaker_open");
  await openAt("/", "offline-banner", host);
  expect((await screen.findByTestId("offline-banner")).textContent).toMatch(/ServiceNow does not answer/);
  expect((await screen.findByTestId("remote-service_now")).textContent).toMatch(/breaker open.*next try in 00:\d\d, 1 write waiting/);
});
