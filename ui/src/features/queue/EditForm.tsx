import { useNavigate } from "@tanstack/react-router";
import { useCallback, useLayoutEffect, useState } from "react";
import type { ApiError, QueueDetail } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { notifyFailure } from "../../shared/notify";
import { EditFrame } from "./EditFrame";
import { FieldEditor, type FieldState } from "./FieldEditor";
import { useKeptEdit } from "./useKeptEdit";

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
  const { id } = detail.item;
  const { texts, setTexts, reason, setReason } = useKeptEdit(id);
  const [states, setStates] = useState<Record<string, FieldState>>({});
  const [refused, setRefused] = useState<ApiError | null>(null);
  const make = useAct("queue.edit", ["plans"], (plan) => void navigate({ to: "/plans/$planId", params: { planId: plan.id } }));
  const tell = useCallback((field: string, state: FieldState) => setStates((before) => (before[field] === state ? before : { ...before, [field]: state })), []);
  const firstField = (detail.fields.find((field) => field.named) ?? detail.fields[0])?.field;
  useLayoutEffect(() => {
    if (firstField) document.getElementById(`edit-${firstField}`)?.focus();
  }, [firstField]);

  const seePlan = () => {
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
    <EditFrame
      testId="edit-form"
      title="Edit and resend"
      problem={detail.item.problem}
      group="Edit and resend"
      reason={reason}
      setReason={setReason}
      reasonStays="It stays with the write, and with the receipt."
      lacking={lackingIn(Object.values(states), reason)}
      ready="You see exactly what is sent before anything is."
      act={{ shortcut: "v", says: "See the plan", testId: "see-plan" }}
      busy={make.isPending}
      send={seePlan}
      close={close}
    >
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
    </EditFrame>
  );
}
