import { useEffect, useState } from "react";
import { useSession } from "../../data/session";
import { keepEdit, keptEdit } from "./kept";

/** A correction under way: it is there again when one comes back to it. */
export function useKeptEdit(id: string) {
  const { person } = useSession();
  const [kept] = useState(() => keptEdit(id, person.id));
  const [texts, setTexts] = useState(kept.texts);
  const [reason, setReason] = useState(kept.reason);
  useEffect(() => keepEdit(id, person.id, { texts, reason }), [id, person.id, texts, reason]);
  return { texts, setTexts, reason, setReason };
}
