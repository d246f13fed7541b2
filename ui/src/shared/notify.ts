import { notifications } from "@mantine/notifications";
import { asCallFailed } from "../host/types";
import { announce } from "./announce";

export function notifyFailure(thrown: unknown): void {
  const { message, wayOut } = asCallFailed(thrown).error;
  notifications.show({ title: message, message: wayOut, color: "red", closeButtonProps: { "aria-label": "Close" }, autoClose: 10_000, role: "alert" });
}

export function notifyDone(sentence: string): void {
  announce(sentence);
  notifications.show({ message: sentence, color: "teal", role: "presentation", closeButtonProps: { "aria-label": "Close" }, autoClose: 4_000 });
}
