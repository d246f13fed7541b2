import { IconMinus, IconPlus } from "@tabler/icons-react";
import type { DuplicateItem } from "../../bindings/types";
import classes from "./Duplicates.module.css";

/** What speaks for one animal, and what speaks against it. */
export function Evidence({ item }: { item: DuplicateItem }) {
  const columns = [
    { tone: "for", title: "For one animal", sentences: item.forSentences, none: "Nothing speaks for it.", icon: IconPlus },
    { tone: "against", title: "Against it", sentences: item.againstSentences, none: "Nothing speaks against it.", icon: IconMinus },
  ] as const;
  return (
    <section className={classes.evidence} aria-label="Evidence" data-testid="evidence">
      {columns.map(({ tone, title, sentences, none, icon: Icon }) => (
        <div key={tone} className={classes.card}>
          <h2>{title}</h2>
          <ul data-tone={tone}>
            {sentences.map((sentence) => (
              <li key={sentence}>
                <Icon size={14} aria-hidden="true" /> {sentence}
              </li>
            ))}
            {sentences.length === 0 && <li>{none}</li>}
          </ul>
        </div>
      ))}
    </section>
  );
}
