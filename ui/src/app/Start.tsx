import type { ReactNode } from "react";
import { SessionProvider } from "../data/session";
import { useRead } from "../data/useRead";
import { Waiting } from "../shared/Waiting";
import { StartProblem } from "./StartProblem";

/** Nothing is shown until the engine has opened its cache; when it cannot, the reason fills the screen. */
export function Start({ children }: { children: ReactNode }) {
  const session = useRead("session.get", {}, { staleTime: Number.POSITIVE_INFINITY });
  if (session.data) return <SessionProvider session={session.data}>{children}</SessionProvider>;
  if (session.error) return <StartProblem error={session.error.error} again={() => void session.refetch()} busy={session.isFetching} />;
  return <Waiting what="Opening VetSync" lines={0} />;
}
