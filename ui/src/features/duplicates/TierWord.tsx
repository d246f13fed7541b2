import { IconAlertTriangle, IconCircleCheck, IconHelpCircle } from "@tabler/icons-react";
import type { DuplicateTier } from "../../bindings/types";
import { duplicateTierWords } from "../../words/words";
import classes from "./Duplicates.module.css";

const icons = { contradictory: IconAlertTriangle, probable: IconCircleCheck, possible: IconHelpCircle } as const;

/** How likely two records are one animal: an icon, a word and a colour. */
export function TierWord({ tier }: { tier: DuplicateTier }) {
  const Icon = icons[tier];
  return (
    <span className={classes.tier} data-tier={tier}>
      <Icon size={15} aria-hidden="true" /> {duplicateTierWords[tier]}
    </span>
  );
}
