import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { KeyButton } from "../../keyboard/KeyButton";
import { announce } from "../../shared/announce";
import classes from "./Operation.module.css";

interface Props {
  title: string;
  /** What was wrong with it. */
  problem: string | null;
  /** Under which its keys stand in the help. */
  group: string;
  reason: string;
  setReason: (reason: string) => void;
  /** Where the reason is read later. */
  reasonStays: string;
  /** What is still needed before it can be sent, as a sentence. */
  lacking: string | null;
  /** Said when nothing is lacking. */
  ready: string;
  act: { shortcut: string; says: string; testId: string };
  busy: boolean;
  send: () => void;
  close: () => void;
  testId: string;
  children: ReactNode;
}

/** A correction: what was wrong, what is put in its place, why, and what is still lacking. */
export function EditFrame({ title, problem, group, reason, setReason, reasonStays, lacking, ready, act, busy, send, close, testId, children }: Props) {
  const trySend = () => {
    if (busy) return;
    if (lacking) announce(lacking);
    else send();
  };
  return (
    <form
      className={classes.edit}
      aria-labelledby="edit-title"
      data-testid={testId}
      onSubmit={(event) => {
        event.preventDefault();
        trySend();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        trySend();
      }}
    >
      <h2 id="edit-title">{title}</h2>
      {problem && <p className={classes.refusal}>{problem}</p>}
      <div className={classes.fields}>
        {children}
        <TextInput
          label="Reason"
          description={reasonStays}
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
          {lacking ?? ready}
        </p>
        <KeyButton shortcut="escape" says="Leave it" group={group} size="sm" run={close} data-testid="leave-edit" />
        <KeyButton
          shortcut={act.shortcut}
          says={act.says}
          group={group}
          variant="filled"
          size="sm"
          disabled={lacking !== null}
          aria-describedby="edit-lacking"
          run={trySend}
          loading={busy}
          data-testid={act.testId}
        />
      </div>
    </form>
  );
}
