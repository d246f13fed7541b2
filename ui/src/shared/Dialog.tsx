import { CloseButton, Group, Modal } from "@mantine/core";
import { type ReactNode, useLayoutEffect, useRef } from "react";

/** Takes the focus within the event that opened the dialog, for people type on; gives it back where it was. */
function Focus() {
  const here = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    here.current?.closest("[role=dialog]")?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return <span ref={here} hidden />;
}

/** A dialog without Mantine's `<header>`, which would be a second banner of the page. */
export function Dialog({ title, close, size = "md", testId, children }: { title: string; close: () => void; size?: "md" | "lg"; testId: string; children: ReactNode }) {
  return (
    <Modal.Root opened onClose={close} size={size} centered transitionProps={{ duration: 0 }}>
      <Modal.Overlay backgroundOpacity={0.35} />
      <Modal.Content data-testid={testId}>
        <Modal.Body p="lg">
          <Group justify="space-between" wrap="nowrap" align="flex-start" mb="sm">
            <Modal.Title fz={17} fw={640}>
              {title}
            </Modal.Title>
            <CloseButton onClick={close} aria-label="Close" size="sm" />
          </Group>
          {children}
          <Focus />
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
