import { createMemoryHistory } from "@tanstack/react-router";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { expect } from "vitest";
import { App } from "../app/App";
import { newRouter } from "../app/router";
import { newQueryClient } from "../data/client";
import { fakeHost } from "../host/fake";

/** Opens the whole console on one address, over the sample clinic, and waits for the screen. */
export async function openAt(path: string, ready: string, host: ReturnType<typeof fakeHost> = fakeHost(0)) {
  const router = newRouter(createMemoryHistory({ initialEntries: [path] }));
  const client = newQueryClient();
  const user = userEvent.setup();
  const view = render(<App host={host} router={router} client={client} />);
  await screen.findAllByTestId(ready, {}, { timeout: 8_000 });
  return { ...view, host, clinic: host.clinic, user, router, client };
}

/** Keys act on the page, not in a field that happens to have the focus. */
export function leaveFields(): void {
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

/** Structure only: colours need a browser, where the browser test checks them. */
export async function expectAccessible(): Promise<void> {
  const { violations } = await axe.run(document.body, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
  expect(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`)).toEqual([]);
}
