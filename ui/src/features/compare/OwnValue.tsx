import { Textarea, TextInput } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import type { KeyboardEvent } from "react";
import type { FieldView, Validated } from "../../bindings/types";
import { valueExamples } from "../../words/words";
import classes from "./Compare.module.css";

interface Props {
  field: FieldView;
  text: string;
  shut: boolean;
  checking: boolean;
  checked: Validated | null;
  change: (text: string) => void;
}

/** A value of one's own, checked while it is typed. */
export function OwnValue({ field, text, shut, checking, checked, change }: Props) {
  const wrong = checked && !checked.ok && text !== "" ? `${checked.problem ?? "This cannot be used."} ${checked.wayOut ?? ""}` : null;
  const common = {
    id: `own-${field.field}`,
    value: text,
    disabled: shut,
    placeholder: valueExamples[field.editor],
    "aria-label": `Your own value for ${field.label}`,
    error: wrong,
    size: "xs" as const,
    autoComplete: "off",
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      const leave = event.key === "Escape" || (event.key === "Enter" && field.editor !== "long_text");
      if (!leave) return;
      event.preventDefault();
      document.getElementById(`row-${field.field}`)?.focus();
    },
  };
  return (
    <div data-testid="own-value">
      {field.editor === "long_text" ? (
        <Textarea {...common} autosize minRows={3} maxRows={8} onChange={(event) => change(event.currentTarget.value)} />
      ) : (
        <TextInput {...common} spellCheck={false} onChange={(event) => change(event.currentTarget.value)} />
      )}
      <p className={classes.check} aria-live="polite">
        {text === "" ? (
          "Type the right value."
        ) : checking ? (
          "Checking…"
        ) : checked?.ok ? (
          <>
            <IconCheck size={13} aria-hidden="true" /> Will be saved as “{checked.shown?.text ?? text}”
          </>
        ) : null}
      </p>
    </div>
  );
}
