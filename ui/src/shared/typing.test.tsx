import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { leaveFields, openAt } from "../test/render";

/** A key as the browser gives it, without a moment for anything else before the next one. */
const press = (key: string, options: KeyboardEventInit = {}) =>
  (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }));

it("a dialog opened by key has the focus before the next key", async () => {
  await openAt("/queue", "queue-row");
  await screen.findByTestId("pause-service_now");
  leaveFields();
  press("p");
  press("1");
  expect(document.activeElement?.tagName).toBe("TEXTAREA");
  expect(document.activeElement?.closest("[role=dialog]")?.textContent).toMatch(/Pause ServiceNow/);
});

it("a dialog gives the focus back where it was", async () => {
  const { user } = await openAt("/queue", "queue-row");
  await screen.findByTestId("pause-service_now");
  const list = screen.getByTestId("queue-list");
  list.focus();
  press("p");
  press("1");
  await user.click(within(screen.getByTestId("reason-dialog")).getByRole("button", { name: "Cancel" }));
  expect(document.activeElement).toBe(list);
});

it("a correction opened by key has the focus before the next key", async () => {
  await openAt("/queue/o1", "literal-request");
  leaveFields();
  press("e");
  expect(document.activeElement?.closest("form")).toBe(screen.getByTestId("edit-form"));
});

it("the palette opened by key has the focus before the next key", async () => {
  await openAt("/queue", "queue-row");
  // Its code is fetched beside the start; here it is certainly there.
  press("k", { ctrlKey: true });
  const field = await screen.findByPlaceholderText(/something to do/);
  press("Escape");
  await waitFor(() => expect(field.isConnected).toBe(false));
  leaveFields();
  press("k", { ctrlKey: true });
  expect(document.activeElement).toBe(screen.getByPlaceholderText(/something to do/));
});
