import { notifications } from "@mantine/notifications";
import { asCallFailed } from "../host/types";
import { announce } from "./announce";

export function notifyFailure(thrown: unknown): void {
  const { message, wayOut } = asCallFailed(thrown).error;
  notifications.show({ title: message, message: wayOut, color: "red", closeButtonProps: { "aria-label": "Close" }, autoClose: 10_000, role: "alert" });
}

/** `id` names it, so that it can be taken away once it is no longer true. */
export function notifyDone(sentence: string, id?: string): void {
  announce(sentence);
  notifications.show({ ...(id === undefined ? {} : { id }), message: sentence, color: "teal", role: "presentation", closeButtonProps: { "aria-label": "Close" }, autoClose: 4_000 });
}

export function takeBack(id: string): void {
  notifications.hide(id);
}
