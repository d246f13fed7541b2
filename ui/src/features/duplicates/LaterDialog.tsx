import { Radio } from "@mantine/core";
import { useState } from "react";
import type { DuplicateItem } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { morningIn } from "../../shared/morning";
import { notifyFailure } from "../../shared/notify";
import { ReasonDialog } from "../../shared/ReasonDialog";

const choices = [
  { id: "1", word: "Until tomorrow morning" },
  { id: "7", word: "For a week" },
  { id: "30", word: "For a month" },
];

/** Puts a question off until a morning; the reason is read by whoever finds it again. */
export function LaterDialog({ item, close, done }: { item: DuplicateItem; close: () => void; done: () => void }) {
  const [days, setDays] = useState("1");
  const later = useAct("duplicates.later", ["conflicts"], done);
  return (
    <ReasonDialog
      title={`Put off: ${item.one.name} and ${item.other.name}`}
      label="Why can it wait?"
      act="Put off"
      busy={later.isPending}
      close={close}
      send={(reason) => later.mutate({ id: item.id, untilMs: morningIn(Number(days)), reason }, { onError: notifyFailure })}
    >
      <Radio.Group value={days} onChange={setDays} label="How long" mb="sm">
        {choices.map((choice) => (
          <Radio key={choice.id} value={choice.id} label={choice.word} mt={6} size="xs" />
        ))}
      </Radio.Group>
    </ReasonDialog>
  );
}
