import { IconX } from "@tabler/icons-react";
import classes from "./Chips.module.css";

interface Props<T extends string> {
  label: string;
  options: Record<T, string>;
  value: T | undefined;
  choose: (value: T | undefined) => void;
}

/** One filter of which one value at most is chosen; choosing it again lets go of it. */
export function Chips<T extends string>({ label, options, value, choose }: Props<T>) {
  return (
    <fieldset className={classes.chips}>
      <legend className={classes.unseen}>{label}</legend>
      {(Object.entries(options) as [T, string][]).map(([option, word]) => (
        <button key={option} type="button" aria-pressed={value === option} onClick={() => choose(value === option ? undefined : option)} data-testid={`chip-${option}`}>
          {word}
          {value === option && <IconX size={13} aria-hidden="true" />}
        </button>
      ))}
    </fieldset>
  );
}
