import { Skeleton } from "@mantine/core";
import { useEffect, useState } from "react";
import classes from "./shared.module.css";

const PATIENCE_MS = 100;

/** Grey lines in the place of what is coming; nothing at all for a moment, so that fast answers do not flicker. */
export function Waiting({ lines = 6, what }: { lines?: number; what: string }) {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setVisible(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={classes.waiting} aria-busy="true">
      <span className={classes.unseen}>{what}</span>
      {/* biome-ignore lint/suspicious/noArrayIndexKey: grey lines have no other name */}
      {visible && Array.from({ length: lines }, (_, index) => <Skeleton key={index} height={18} width={`${92 - ((index * 13) % 40)}%`} />)}
    </div>
  );
}
