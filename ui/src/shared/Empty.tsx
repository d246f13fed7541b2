import type { ReactNode } from "react";
import classes from "./shared.module.css";

/** Nothing here: says what would appear, and how. */
export function Empty({ title, children, icon }: { title: string; children: ReactNode; icon?: ReactNode }) {
  return (
    <div className={classes.empty} data-testid="empty">
      {icon}
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  );
}
