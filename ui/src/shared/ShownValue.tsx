import type { Shown } from "../bindings/types";
import { Marked } from "./Marked";
import classes from "./shared.module.css";

/** One value as a system has it: text with marks, codes, raw form, and what is wrong with it. */
export function ShownValue({ shown, against, quiet = false }: { shown: Shown; against?: Shown | undefined; quiet?: boolean }) {
  if (shown.hidden) return <span className={classes.blank}>Not readable for VetSync, left alone</span>;
  const mark = against && !against.hidden && !against.blank && !shown.blank;
  return (
    <span className={classes.value}>
      {shown.blank ? <span className={classes.blank}>blank</span> : <span className={classes.text}>{mark ? <Marked before={against.text} after={shown.text} show="after" /> : shown.text}</span>}
      {!quiet && shown.detail && <span className={classes.code}>{shown.detail}</span>}
      {!quiet && shown.raw !== null && shown.raw !== shown.text && <span className={classes.code}>written as “{shown.raw}”</span>}
      {shown.problem && <span className={classes.problem}>Cannot be read: {shown.problem}</span>}
    </span>
  );
}
