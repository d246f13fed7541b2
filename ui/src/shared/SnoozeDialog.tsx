import { Radio } from "@mantine/core";
import { useState } from "react";
import type { ConflictItem } from "../bindings/types";
import { useAct } from "../data/useRead";
import { morningIn } from "./morning";
import { notifyDone, notifyFailure } from "./notify";
import { ReasonDialog } from "./ReasonDialog";

const choices = [
  { id: "1", word: "Until tomorrow morning" },
  { id: "3", word: "For three days" },
  { id: "7", word: "For a week" },
];

/** Puts a conflict aside until a morning; the reason is read by whoever finds it again. */
export function SnoozeDialog({ item, close, done }: { item: ConflictItem; close: () => void; done?: () => void }) {
  const [days, setDays] = useState("1");
  const snooze = useAct("conflicts.snooze", ["conflicts", "conflict", "home"], () => {
    notifyDone(`${item.patient} is put aside.`);
    close();
    done?.();
  });
  return (
    <ReasonDialog
      title={`Put ${item.patient} aside`}
      label="Why can it wait?"
      act="Snooze"
      busy={snooze.isPending}
      close={close}
      send={(reason) => snooze.mutate({ id: item.id, untilMs: morningIn(Number(days)), reason }, { onError: notifyFailure })}
    >
      <Radio.Group value={days} onChange={setDays} label="How long" mb="sm">
        {choices.map((choice) => (
          <Radio key={choice.id} value={choice.id} label={choice.word} mt={6} size="xs" />
        ))}
      </Radio.Group>
    </ReasonDialog>
  );
}
