import { IconInfoCircle, IconMinus, IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Candidate } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { capitalised } from "../../words/words";
import classes from "./Compare.module.css";

interface Props {
  id: string;
  candidate: Candidate;
  current: boolean;
  enter: () => void;
  children: ReactNode;
}

export function CandidateCard({ id, candidate, current, enter, children }: Props) {
  const facts = [
    capitalised(candidate.species),
    candidate.breed,
    candidate.born && `born ${candidate.born}`,
    candidate.owner,
    candidate.phone,
    candidate.chip ? `chip ${candidate.chip}` : "no chip",
  ].filter(Boolean);
  return (
    <article
      id={id}
      tabIndex={-1}
      aria-label={`${candidate.name}, ${facts.join(", ")}`}
      aria-current={current ? "true" : undefined}
      className={classes.candidate}
      onFocus={enter}
      onMouseDown={enter}
      data-testid="candidate"
    >
      <div className={classes.candidateHead}>
        <RemoteWord remote={candidate.remote} />
        <small>{candidate.tier}</small>
      </div>
      <h2>{candidate.name}</h2>
      <p>{facts.join(" · ")}</p>
      <div className={classes.evidence}>
        <div>
          <h3>For</h3>
          <ul data-tone="for">
            {candidate.forSentences.map((sentence) => (
              <li key={sentence}>
                <IconPlus size={13} aria-hidden="true" /> {sentence}
              </li>
            ))}
            {candidate.forSentences.length === 0 && <li>Nothing speaks for it.</li>}
          </ul>
        </div>
        <div>
          <h3>Against</h3>
          <ul data-tone="against">
            {candidate.againstSentences.map((sentence) => (
              <li key={sentence}>
                <IconMinus size={13} aria-hidden="true" /> {sentence}
              </li>
            ))}
            {candidate.againstSentences.length === 0 && <li>Nothing speaks against it.</li>}
          </ul>
        </div>
      </div>
      {candidate.notLinkableBecause && (
        <p className={classes.notLinkable} data-testid="not-linkable">
          <IconInfoCircle size={15} aria-hidden="true" /> {candidate.notLinkableBecause}
        </p>
      )}
      <div className={classes.answers}>{children}</div>
    </article>
  );
}
