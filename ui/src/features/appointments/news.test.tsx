import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { NewsItem } from "../../bindings/types";
import { expectAccessible, openAt } from "../../test/render";

const item = (id: string, atMs: number, sentence: string): NewsItem => ({
  operationId: id,
  appointmentId: `v-${id}`,
  what: "moved",
  patient: "Rex",
  clinician: "Dr Lee",
  when: "Mon 5 Oct 2026, 14:30 to 15:00 (Europe/Berlin)",
  told: "ehr",
  sentence,
  atMs,
  unread: true,
});

it("tells of an appointment that moved once, counts it, and forgets it when it was seen", async () => {
  const { clinic, host, user } = await openAt("/", "headline");
  expect(screen.queryByTestId("news")).toBeNull();
  const now = Date.now();
  clinic.newsItems = [item("o1", now - 60_000, "Rex is now with Dr Lee, Mon 5 Oct. The EHR was told.")];
  host.emit({ kind: "changed", data: { tags: ["receipts"], id: null } });
  const card = await screen.findByTestId("news");
  expect(card.textContent).toContain("Rex is now with Dr Lee, Mon 5 Oct. The EHR was told.");
  expect(within(card).getByRole("link", { name: "Moved" }).getAttribute("href")).toBe("/appointments/v-o1");
  expect(screen.getByTestId("nav-appointments").textContent).toContain("1");
  // Said once in a few words, beside the card.
  expect((await screen.findAllByText(/The EHR was told/)).length).toBeGreaterThan(1);
  await expectAccessible();
  await user.keyboard("m");
  await waitFor(() => expect(screen.queryByTestId("news")).toBeNull());
});
