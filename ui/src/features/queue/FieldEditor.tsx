import { Textarea, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { useEffect } from "react";
import type { EditableField } from "../../bindings/types";
import { valueExamples } from "../../words/words";
import { useOwnValue } from "../compare/useOwnValue";
import classes from "./Operation.module.css";

/** Whether what is typed can be sent. */
export type FieldState = "untouched" | "checking" | "good" | "wrong";

interface Props {
  field: EditableField;
  text: string;
  /** What was wrong with it when the plan was asked for. */
  refused: string | null;
  change: (text: string) => void;
  tell: (field: string, state: FieldState) => void;
}

/** One value of the write, checked by the engine's own rules while it is typed. */
export function FieldEditor({ field, text, refused, change, tell }: Props) {
  const touched = text !== field.text;
  const { checking, checked } = useOwnValue(field.field, text, touched);
  const state: FieldState = !touched ? "untouched" : checking || !checked ? "checking" : checked.ok ? "good" : "wrong";
  useEffect(() => tell(field.field, state), [field.field, state, tell]);
  const wrong = refused ?? (state === "wrong" ? `${checked?.problem ?? "This cannot be used."} ${checked?.wayOut ?? ""}`.trim() : null);
  const common = {
    id: `edit-${field.field}`,
    label: field.label,
    value: text,
    placeholder: valueExamples[field.editor],
    error: wrong,
    size: "sm" as const,
    autoComplete: "off",
    "data-testid": `edit-${field.field}`,
  };
  return (
    <div className={classes.field}>
      {field.editor === "long_text" ? (
        <Textarea {...common} autosize minRows={3} maxRows={8} onChange={(event) => change(event.currentTarget.value)} />
      ) : (
        <TextInput {...common} spellCheck={false} onChange={(event) => change(event.currentTarget.value)} />
      )}
      <p className={classes.check} aria-live="polite">
        {field.named && !touched && (
          <>
            <IconAlertTriangle size={14} aria-hidden="true" /> The refusal is about this value.
          </>
        )}
        {state === "checking" && "Checking…"}
        {state === "good" && (
          <>
            <IconCheck size={14} aria-hidden="true" /> Will be sent as “{checked?.shown?.text ?? text}” instead of {field.value.blank ? "a blank" : `“${field.value.text}”`}
          </>
        )}
      </p>
    </div>
  );
}
