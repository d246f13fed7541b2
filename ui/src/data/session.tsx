import { createContext, type ReactNode, useContext } from "react";
import type { Capability, Session } from "../bindings/types";

const SessionContext = createContext<Session | null>(null);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("No session: wrap the screen in SessionProvider.");
  return session;
}

/** What a role may not use is absent. The engine refuses it as well. */
export function useMay(capability: Capability): boolean {
  return useSession().capabilities.includes(capability);
}
