import { useEffect, useRef } from "react";
import { useMay } from "../../data/session";
import { useRead } from "../../data/useRead";
import { notifyDone } from "../../shared/notify";

/** How many new and changed appointments this person has not seen; each that arrives from now on is told once. */
export function useNews(): number {
  const { data } = useRead("appointments.news", {}, { enabled: useMay("see_patients") });
  const told = useRef<number | null>(null);
  useEffect(() => {
    if (!data) return;
    const newest = data.items[0]?.atMs ?? 0;
    // What was there when the window opened is counted, not called out.
    const before = told.current ?? newest;
    const arrived = data.items.filter((item) => item.unread && item.atMs > before);
    const [first] = arrived;
    if (first) notifyDone(arrived.length === 1 ? first.sentence : `${arrived.length} appointments are new or changed. The latest: ${first.sentence}`);
    told.current = Math.max(before, newest);
  }, [data]);
  return data?.unread ?? 0;
}
