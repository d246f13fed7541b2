import { TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import type { ApiError, QueueDetail } from "../../bindings/types";
import { useSession } from "../../data/session";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { announce } from "../../shared/announce";
import { notifyFailure } from "../../shared/notify";
import { FieldEditor, type FieldState } from "./FieldEditor";
import { keepEdit, keptEdit } from "./kept";
import classes from "./Operation.module.css";

/** What is still needed before there is a plan to see. */
function lackingIn(states: FieldState[], reason: string): string | null {
  if (states.includes("wrong")) return "A value cannot be used yet: it says why below it.";
  if (states.includes("checking")) return "Checking what you typed…";
  if (!states.includes("good")) return "Correct a value first. To send it again unchanged, retry it.";
  if (reason.trim() === "") return "Write why it is corrected here.";
  return null;
}

interface Props {
  detail: QueueDetail;
  close: () => void;
}

/** Corrects values of a refused write. Nothing is sent from here: the plan that comes of it is shown first. */
export function EditForm({ detail, close }: Props) {
  const navigate = useNavigate();
  const { person } = useSession();
  const { id } = detail.item;
  const [kept] = useState(() => keptEdit(id, person.id));
  const [texts, setTexts] = useState(kept.texts);
  const [reason, setReason] = useState(kept.reason);
  const [states, setStates] = useState<Record<string, FieldState>>({});
  const [refused, setRefused] = useState<ApiError | null>(null);
  const make = useAct("queue.edit", ["plans"], (plan) => void navigate({ to: "/plans/$planId", params: { planId: plan.id } }));
  useEffect(() => keepEdit(id, person.id, { texts, reason }), [id, person.id, texts, reason]);
  const tell = useCallback((field: string, state: FieldState) => setStates((before) => (before[field] === state ? before : { ...before, [field]: state })), []);
  const first = detail.fields.find((field) => field.named) ?? detail.fields[0];
  const firstField = first?.field;
  useEffect(() => {
    if (firstField) document.getElementById(`edit-${firstField}`)?.focus();
  }, [firstField]);

  const lacking = lackingIn(Object.values(states), reason);
  const seePlan = () => {
    if (make.isPending) return;
    if (lacking) {
      announce(lacking);
      return;
    }
    setRefused(null);
    const values = detail.fields.filter((field) => states[field.field] === "good").map((field) => ({ field: field.field, text: texts[field.field] ?? field.text }));
    make.mutate(
      { id, values, reason: reason.trim() },
      {
        onError: (thrown) => {
          if (detail.fields.some((field) => field.field === thrown.error.field)) {
            setRefused(thrown.error);
            document.getElementById(`edit-${thrown.error.field}`)?.focus();
          } else notifyFailure(thrown);
        },
      },
    );
  };
  return (
    <form
      className={classes.edit}
      aria-labelledby="edit-title"
      data-testid="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        seePlan();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        seePlan();
      }}
    >
      <h2 id="edit-title">Edit and resend</h2>
      {detail.item.problem && <p className={classes.refusal}>{detail.item.problem}</p>}
      <div className={classes.fields}>
        {detail.fields.map((field) => (
          <FieldEditor
            key={field.field}
            field={field}
            text={texts[field.field] ?? field.text}
            refused={refused?.field === field.field ? `${refused.message} ${refused.wayOut}` : null}
            change={(text) => {
              setRefused(null);
              setTexts((before) => ({ ...before, [field.field]: text }));
            }}
            tell={tell}
          />
        ))}
        <TextInput
          label="Reason"
          description="It stays with the write, and with the receipt."
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          maxLength={500}
          autoComplete="off"
          required
          data-testid="edit-reason"
        />
      </div>
      <div className={classes.editLine}>
        <p id="edit-lacking" data-testid="edit-lacking">
          {lacking ?? "You see exactly what is sent before anything is."}
        </p>
        <KeyButton shortcut="escape" says="Leave it" group="Edit and resend" size="sm" run={close} data-testid="leave-edit" />
        <KeyButton
          shortcut="v"
          says="See the plan"
          group="Edit and resend"
          variant="filled"
          size="sm"
          disabled={lacking !== null}
          aria-describedby="edit-lacking"
          run={seePlan}
          loading={make.isPending}
          data-testid="see-plan"
        />
      </div>
    </form>
  );
}
