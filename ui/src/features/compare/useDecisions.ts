import { useEffect, useRef, useState } from "react";
import type { ChoiceKind, CompareView, FieldView } from "../../bindings/types";
import { useSession } from "../../data/session";
import { useAct } from "../../data/useRead";
import { announce } from "../../shared/announce";
import { choiceWords } from "../../words/words";
import { type Choices, choose, type Moved, movedSince, stillValid, takeSuggestions } from "./decisions";
import { keepWork, keptWork } from "./kept";

const SAVE_AFTER_MS = 400;

export interface Decisions {
  choices: Choices;
  moved: Moved[];
  /** The person has looked at what moved. */
  seeAll: boolean;
  showAll: () => void;
  reason: string;
  setReason: (reason: string) => void;
  saved: "saved" | "saving" | "failed" | "nothing";
  decide: (field: FieldView, choice: ChoiceKind, own?: string) => void;
  acceptSuggestions: () => void;
}

/** What the person has chosen so far for one state of a conflict. Mount it anew for every fingerprint. */
export function useDecisions(view: CompareView): Decisions {
  const { person } = useSession();
  const id = view.conflict.id;
  const [start] = useState(() => {
    const earlier = keptWork(id, person.id);
    const moved = earlier && earlier.seen.fingerprint !== view.fingerprint ? movedSince(earlier.seen, view) : [];
    return { moved, choices: stillValid(view, earlier?.choices ?? view.draft, moved), reason: earlier?.reason ?? "" };
  });
  const [choices, setChoices] = useState<Choices>(start.choices);
  const [reason, setReason] = useState(start.reason);
  const [seeAll, setSeeAll] = useState(start.moved.length === 0);
  const touched = useRef(false);
  const save = useAct("conflicts.draft", []);
  const { mutate } = save;

  useEffect(() => {
    keepWork(id, person.id, { seen: view, choices: [...choices.values()], reason });
  }, [id, person.id, view, choices, reason]);

  useEffect(() => {
    if (!touched.current) return;
    const timer = setTimeout(() => mutate({ id, choices: [...choices.values()] }), SAVE_AFTER_MS);
    return () => clearTimeout(timer);
  }, [id, choices, mutate]);

  const change = (next: Choices) => {
    touched.current = true;
    setChoices(next);
  };
  return {
    choices,
    moved: start.moved,
    seeAll,
    showAll: () => setSeeAll(true),
    reason,
    setReason,
    saved: save.isPending ? "saving" : save.isError ? "failed" : save.isSuccess || start.choices.size > 0 ? "saved" : "nothing",
    decide: (field, choice, own) => {
      if (!field.mayDecide || !field.choices.includes(choice)) return;
      const before = choices;
      const next = choose(view.fields, before, field, choice, own ?? null);
      change(next);
      if (choice === "own") return;
      const together = view.fields.filter((other) => other.field !== field.field && next.get(other.field) !== before.get(other.field));
      announce(`${field.label}: ${choiceWords[choice]}.${together.length > 0 ? ` Together with ${together.map((other) => other.label).join(", ")}.` : ""}`);
    },
    acceptSuggestions: () => {
      const { choices: next, taken } = takeSuggestions(view.fields, choices);
      if (taken > 0) change(next);
      announce(taken === 0 ? "There is no open suggestion." : `${taken === 1 ? "One suggestion" : `${taken} suggestions`} taken.`);
    },
  };
}
