import { type ReactNode, useEffect, useRef } from "react";
import { mayTakeFocus } from "./arriving";
import classes from "./shared.module.css";

/** The frame of a screen: a heading that takes the focus on arrival, its actions, and the content. */
export function Page({ title, lead, actions, children, testId, fill = false }: { title: ReactNode; lead?: ReactNode; actions?: ReactNode; children: ReactNode; testId: string; fill?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (mayTakeFocus()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <section className={classes.page} data-fill={fill} data-testid={testId}>
      <header className={classes.pageHead}>
        <div className={classes.pageTitle}>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead && <div className={classes.lead}>{lead}</div>}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </section>
  );
}
