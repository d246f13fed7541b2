import { VisuallyHidden } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import type { ChoiceKind } from "../../bindings/types";
import { KeyHint } from "../../keyboard/KeyHint";
import { choiceWords } from "../../words/words";
import classes from "./Compare.module.css";

interface Props {
  kind: ChoiceKind;
  shortcut: string;
  label: string;
  taken: boolean;
  disabled: boolean;
  current: boolean;
  take: () => void;
}

/** One way to decide one field. The key is shown on the row that it would act on. */
export function ChoiceButton({ kind, shortcut, label, taken, disabled, current, take }: Props) {
  return (
    <button type="button" className={classes.choice} aria-pressed={taken} aria-keyshortcuts={current ? shortcut : undefined} disabled={disabled} onClick={take} data-testid={`choice-${kind}`}>
      {taken && <IconCheck size={14} aria-hidden="true" />}
      {choiceWords[kind]}
      <VisuallyHidden>: {label}</VisuallyHidden>
      <span className={classes.hint} data-on={current}>
        <KeyHint shortcut={shortcut} />
      </span>
    </button>
  );
}
