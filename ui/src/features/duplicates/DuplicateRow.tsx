import type { DuplicateItem, DuplicateRecord } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { duplicateStateWords, plural } from "../../words/words";
import classes from "./Duplicates.module.css";
import { TierWord } from "./TierWord";

function Half({ record }: { record: DuplicateRecord }) {
  return (
    <div>
      <strong>{record.name || "No name"}</strong>
      <small>{[record.owner || "no owner", record.phone, record.chip && `chip ${record.chip}`].filter(Boolean).join(" · ")}</small>
      <span className={classes.where}>
        <RemoteWord remote={record.remote} />
      </span>
    </div>
  );
}

/** One pair: how likely, both records, and what speaks most for and against it. */
export function DuplicateRow({ item }: { item: DuplicateItem }) {
  const again = item.askedAgain ? "Asked again: something changed." : null;
  return (
    <div className={classes.row}>
      <div>
        <TierWord tier={item.tier} />
        <small>{item.state === "open" ? plural(item.points, "point") : duplicateStateWords[item.state]}</small>
      </div>
      <Half record={item.one} />
      <Half record={item.other} />
      <div>
        <span>{again ?? item.forSentences[0] ?? "Nothing speaks for it."}</span>
        <small>{item.reason ?? item.againstSentences[0] ?? "Nothing speaks against it."}</small>
      </div>
    </div>
  );
}
