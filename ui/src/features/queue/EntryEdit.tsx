import { Textarea, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { QuarantineView } from "../../bindings/types";
import { useSession } from "../../data/session";
import { useAct } from "../../data/useRead";
import type { CallFailed } from "../../host/types";
import { KeyButton } from "../../keyboard/KeyButton";
import { announce } from "../../shared/announce";
import { Failure } from "../../shared/Failure";
import { notifyDone } from "../../shared/notify";
import { quarantineStatusWords } from "../../words/words";
import { forgetEdit, keepEdit, keptEdit } from "./kept";
import classes from "./Operation.module.css";

const RAW = "raw";

/** Corrects the text of a message. The original stays as it came; the corrected text is an entry of its own. */
export function EntryEdit({ view, close }: { view: QuarantineView; close: () => void }) {
  const navigate = useNavigate();
  const { person } = useSession();
  const { id } = view.item;
  const [kept] = useState(() => keptEdit(id, person.id));
  const [raw, setRaw] = useState(kept.texts[RAW] ?? view.raw);
  const [reason, setReason] = useState(kept.reason);
  const [failure, setFailure] = useState<CallFailed | null>(null);
  const edit = useAct("quarantine.edit", ["quarantine", "patients", "patient", "home"], (made) => {
    forgetEdit(id);
    notifyDone(made.item.status === "open" ? "Saved. It still cannot be read." : `Saved: ${quarantineStatusWords[made.item.status].toLowerCase()}.`);
    void navigate({ to: "/queue/unreadable/$entryId", params: { entryId: made.item.id } });
  });
  useEffect(() => keepEdit(id, person.id, { texts: raw === view.raw ? {} : { [RAW]: raw }, reason }), [id, person.id, raw, reason, view.raw]);
  useEffect(() => document.getElementById("edit-raw")?.focus(), []);
  const lacking = raw === view.raw ? "Correct the text first." : reason.trim() === "" ? "Write why it is corrected here." : null;
  const save = () => {
    if (edit.isPending) return;
    if (lacking) {
      announce(lacking);
      return;
    }
    setFailure(null);
    edit.mutate({ id, raw, reason: reason.trim() }, { onError: setFailure });
  };
  return (
    <form
      className={classes.edit}
      aria-labelledby="edit-title"
      data-testid="entry-edit"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        save();
      }}
    >
      <h2 id="edit-title">Edit the text and work on it again</h2>
      <p className={classes.refusal}>{view.item.problem}</p>
      <Textarea
        id="edit-raw"
        label="Text"
        value={raw}
        onChange={(event) => setRaw(event.currentTarget.value)}
        autosize
        minRows={8}
        maxRows={22}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--font-mono)", fontSize: 12 } }}
        data-testid="edit-raw"
      />
      <TextInput
        label="Reason"
        description="It stays with both texts."
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={500}
        autoComplete="off"
        required
        data-testid="edit-reason"
      />
      {failure && <Failure thrown={failure} />}
      <div className={classes.editLine}>
        <p id="edit-lacking" data-testid="edit-lacking">
          {lacking ?? "The text as it came is kept beside it."}
        </p>
        <KeyButton shortcut="escape" says="Leave it" group="Edit" size="sm" run={close} data-testid="leave-edit" />
        <KeyButton
          shortcut="mod+enter"
          says="Save and work on it"
          group="Edit"
          variant="filled"
          size="sm"
          disabled={lacking !== null}
          aria-describedby="edit-lacking"
          run={save}
          loading={edit.isPending}
          data-testid="save-edit"
        />
      </div>
    </form>
  );
}
