import { Button, Group, Textarea } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Dialog } from "./Dialog";

interface Props {
  title: string;
  label: string;
  act: string;
  /** Whether it may stay empty. */
  needed?: boolean;
  busy: boolean;
  close: () => void;
  send: (reason: string) => void;
  children?: ReactNode;
}

/** Asks for the reason that a decision carries. */
export function ReasonDialog({ title, label, act, needed = true, busy, close, send, children }: Props) {
  const [reason, setReason] = useState("");
  const [asked, setAsked] = useState(false);
  const missing = needed && reason.trim() === "";
  const submit = () => {
    setAsked(true);
    if (!missing && !busy) send(reason.trim());
  };
  return (
    <Dialog close={close} title={title} testId="reason-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {children}
        <Textarea
          label={label}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              submit();
            }
          }}
          error={asked && missing ? "Write a reason: others will read it." : null}
          autosize
          minRows={3}
          data-autofocus
          aria-required={needed}
        />
        <Group justify="flex-end" mt="md" gap="xs">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            {act}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}
