import { useEffect } from "react";
import type { ChoiceKind, FieldChoice, FieldView } from "../../bindings/types";
import { ShownValue } from "../../shared/ShownValue";
import { ColumnWord } from "../../shared/sides";
import { resultWords } from "../../words/words";
import { ChoiceButton } from "./ChoiceButton";
import classes from "./Compare.module.css";
import type { OwnState } from "./Decide";
import { resultOf } from "./decisions";
import { OwnValue } from "./OwnValue";
import { useOwnValue } from "./useOwnValue";

interface Props {
  field: FieldView;
  choice: FieldChoice | undefined;
  shut: boolean;
  current: boolean;
  decide: (choice: ChoiceKind, own?: string) => void;
  reportOwn: (field: string, state: OwnState) => void;
}

export function ResultCell({ field, choice, shut, current, decide, reportOwn }: Props) {
  const writing = choice?.choice === "own";
  const text = choice?.own ?? "";
  const { checking, checked } = useOwnValue(field.field, text, writing && text !== "");
  const ok = checked?.ok === true;
  const own = checked?.shown ?? null;
  useEffect(() => {
    if (writing) reportOwn(field.field, { ok, shown: own });
  }, [writing, ok, own, field.field, reportOwn]);
  const result = resultOf(field, choice, own);
  const start = () => {
    decide("own", text);
    requestAnimationFrame(() => document.getElementById(`own-${field.field}`)?.focus());
  };
  return (
    <div className={classes.cell} data-side="result" data-choice={choice?.choice ?? "none"} data-testid="result">
      <span className={classes.cellWord}>
        <ColumnWord column="result" />
      </span>
      {writing ? (
        <OwnValue field={field} text={text} shut={shut} checking={checking} checked={checked} change={(next) => decide("own", next)} />
      ) : result ? (
        <ShownValue shown={result} quiet />
      ) : (
        <span className={classes.undecided}>{choice?.choice === "leave_open" ? "Stays as it is in each system" : "Not decided yet"}</span>
      )}
      {choice && !writing && <small className={classes.from}>{resultWords[choice.choice]}</small>}
      <div className={classes.more}>
        {field.choices.includes("own") && <ChoiceButton kind="own" shortcut="4" label={field.label} taken={writing} disabled={shut} current={current} take={start} />}
        {field.choices.includes("keep_both") && (
          <ChoiceButton kind="keep_both" shortcut="5" label={field.label} taken={choice?.choice === "keep_both"} disabled={shut} current={current} take={() => decide("keep_both")} />
        )}
        {field.choices.includes("leave_open") && (
          <ChoiceButton kind="leave_open" shortcut="0" label={field.label} taken={choice?.choice === "leave_open"} disabled={shut} current={current} take={() => decide("leave_open")} />
        )}
      </div>
    </div>
  );
}
