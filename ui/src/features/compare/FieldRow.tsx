import { IconBulb, IconInfoCircle, IconLock } from "@tabler/icons-react";
import type { ChoiceKind, FieldChoice, FieldView, Shown } from "../../bindings/types";
import { ShownValue } from "../../shared/ShownValue";
import { ColumnWord } from "../../shared/sides";
import { Ago } from "../../shared/When";
import { choiceWords, ruleWords, whyAsked } from "../../words/words";
import { ChoiceButton } from "./ChoiceButton";
import classes from "./Compare.module.css";
import type { OwnState } from "./Decide";
import { ResultCell } from "./ResultCell";

interface Props {
  field: FieldView;
  choice: FieldChoice | undefined;
  current: boolean;
  busy: boolean;
  why: boolean;
  decide: (choice: ChoiceKind, own?: string) => void;
  enter: () => void;
  reportOwn: (field: string, state: OwnState) => void;
}

export function FieldRow({ field, choice, current, busy, why, decide, enter, reportOwn }: Props) {
  const shut = busy || !field.mayDecide;
  const cell = (kind: ChoiceKind, side: "service_now" | "last_agreed" | "ehr", shown: Shown, shortcut: string, against?: Shown) => (
    <div className={classes.cell} data-side={side} data-taken={choice?.choice === kind}>
      <span className={classes.cellWord}>
        <ColumnWord column={side} />
      </span>
      {side === "last_agreed" && field.lastAgreedAtMs === null ? <span className={classes.undecided}>Never agreed</span> : <ShownValue shown={shown} against={against} />}
      {side === "last_agreed" && field.lastAgreedAtMs !== null && (
        <small>
          agreed <Ago atMs={field.lastAgreedAtMs} />
          {field.lastAgreedBy && `, ${field.lastAgreedBy}`}
        </small>
      )}
      {field.choices.includes(kind) && <ChoiceButton kind={kind} shortcut={shortcut} label={field.label} taken={choice?.choice === kind} disabled={shut} current={current} take={() => decide(kind)} />}
    </div>
  );
  // Both are marked against what was agreed; where nothing was, each against the other, so that neither looks changed alone.
  const base = field.lastAgreed.blank || field.lastAgreedAtMs === null ? null : field.lastAgreed;
  return (
    <div
      id={`row-${field.field}`}
      role="group"
      aria-labelledby={`label-${field.field}`}
      aria-describedby={`sentence-${field.field}`}
      aria-current={current ? "true" : undefined}
      tabIndex={-1}
      className={classes.row}
      data-decided={choice !== undefined && choice.choice !== "leave_open"}
      data-testid={`field-${field.field}`}
      onFocus={enter}
    >
      <div className={classes.label}>
        <strong id={`label-${field.field}`}>{field.label}</strong>
        <span id={`sentence-${field.field}`} className={classes.unseen}>
          {field.sentence}
        </span>
        {field.grade >= 4 && <em>Needs two people</em>}
      </div>
      {cell("take_service_now", "service_now", field.serviceNow, "1", base ?? field.ehr)}
      {cell("take_last_agreed", "last_agreed", field.lastAgreed, "2")}
      {cell("take_ehr", "ehr", field.ehr, "3", base ?? field.serviceNow)}
      <ResultCell field={field} choice={choice} shut={shut} current={current} decide={decide} reportOwn={reportOwn} />
      {!field.mayDecide && (
        <p className={classes.line} data-tone="quiet">
          <IconLock size={15} aria-hidden="true" /> You may look at this but not decide it.{field.whoCan && ` Ask: ${field.whoCan}.`}
        </p>
      )}
      {field.suggestion && (
        <p className={classes.line} data-tone="result" data-testid="suggestion">
          <IconBulb size={15} aria-hidden="true" />
          <span>
            Suggestion: <strong>{field.suggestion.blank ? "blank" : field.suggestion.text}</strong>
            {field.suggestedChoice && ` (${choiceWords[field.suggestedChoice]})`}. {field.suggestionReason}
          </span>
        </p>
      )}
      {why && (field.why || field.rule) && (
        <p className={classes.line} data-tone="quiet" data-testid="why-asked">
          <IconInfoCircle size={15} aria-hidden="true" />
          <span>
            {field.why && `Why you are asked: ${whyAsked(field.why, field.lastAgreedAtMs !== null)}`} {field.rule && ruleWords[field.rule]}
          </span>
        </p>
      )}
    </div>
  );
}
