import { Textarea } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useLayoutEffect, useState } from "react";
import type { QuarantineView } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import type { CallFailed } from "../../host/types";
import { Failure } from "../../shared/Failure";
import { notifyDone } from "../../shared/notify";
import { quarantineStatusWords } from "../../words/words";
import { EditFrame } from "./EditFrame";
import { forgetEdit } from "./kept";
import classes from "./Operation.module.css";
import { useKeptEdit } from "./useKeptEdit";

const RAW = "raw";

/** Corrects the text of a message. The original stays as it came; the corrected text is an entry of its own. */
export function EntryEdit({ view, close }: { view: QuarantineView; close: () => void }) {
  const navigate = useNavigate();
  const { id } = view.item;
  const { texts, setTexts, reason, setReason } = useKeptEdit(id);
  const raw = texts[RAW] ?? view.raw;
  const [failure, setFailure] = useState<CallFailed | null>(null);
  const edit = useAct("quarantine.edit", ["quarantine", "patients", "patient", "home"], (made) => {
    forgetEdit(id);
    notifyDone(made.item.status === "open" ? "Saved. It still cannot be read." : `Saved: ${quarantineStatusWords[made.item.status].toLowerCase()}.`);
    void navigate({ to: "/queue/unreadable/$entryId", params: { entryId: made.item.id } });
  });
  useLayoutEffect(() => document.getElementById("edit-raw")?.focus(), []);
  return (
    <EditFrame
      testId="entry-edit"
      title="Edit the text and work on it again"
      problem={view.item.problem}
      group="Edit"
      reason={reason}
      setReason={setReason}
      reasonStays="It stays with both texts."
      lacking={raw === view.raw ? "Correct the text first." : reason.trim() === "" ? "Write why it is corrected here." : null}
      ready="The text as it came is kept beside it."
      act={{ shortcut: "mod+enter", says: "Save and work on it", testId: "save-edit" }}
      busy={edit.isPending}
      send={() => {
        setFailure(null);
        edit.mutate({ id, raw, reason: reason.trim() }, { onError: setFailure });
      }}
      close={close}
    >
      <Textarea
        id="edit-raw"
        className={classes.whole}
        label="Text"
        value={raw}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setTexts(text === view.raw ? {} : { [RAW]: text });
        }}
        autosize
        minRows={8}
        maxRows={22}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--font-mono)", fontSize: 12 } }}
        data-testid="edit-raw"
      />
      {failure && (
        <div className={classes.whole}>
          <Failure thrown={failure} />
        </div>
      )}
    </EditFrame>
  );
}
