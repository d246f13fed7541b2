import { Button, type ButtonProps, VisuallyHidden } from "@mantine/core";
import type { ComponentPropsWithoutRef } from "react";
import { KeyHint } from "./KeyHint";
import { useKeys } from "./useKeys";

interface Props extends ButtonProps, Pick<ComponentPropsWithoutRef<"button">, "aria-pressed" | "aria-describedby" | "title"> {
  shortcut: string;
  says: string;
  group: string;
  run: () => void;
  /** What it acts on, for screen readers, where several buttons say the same. */
  about?: string;
  "data-testid"?: string;
}

/** A button and its key in one, so that neither exists without the other. */
export function KeyButton({ shortcut, says, group, run, about, disabled, loading, ...rest }: Props) {
  const asleep = Boolean(disabled || loading);
  useKeys(asleep ? [] : [{ key: shortcut, says: about ? `${says}: ${about}` : says, group, run }]);
  return (
    <Button
      size="xs"
      variant="default"
      {...rest}
      disabled={Boolean(disabled)}
      loading={Boolean(loading)}
      onClick={run}
      aria-keyshortcuts={shortcut.replace("mod", "Control")}
      rightSection={<KeyHint shortcut={shortcut} />}
    >
      {says}
      {about && <VisuallyHidden>: {about}</VisuallyHidden>}
    </Button>
  );
}
