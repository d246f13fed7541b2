import { type QueryClient, type UseQueryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Tag } from "../bindings/types";
import { useHost } from "../host/context";
import type { CallFailed, CommandName, Request, Response } from "../host/types";
import { invalidate, read } from "./client";

type Options<K extends CommandName> = Omit<UseQueryOptions<Response<K>, CallFailed>, "queryKey" | "queryFn">;

/** Asks the engine, and asks again whenever an event says that the answer changed. */
export function useRead<K extends CommandName>(name: K, request: Request<K>, options: Options<K> = {}) {
  const host = useHost();
  const { queryKey, queryFn } = read(host, name, request);
  return useQuery<Response<K>, CallFailed>({ queryKey, queryFn, ...options });
}

/** Does something, then makes what it changed fresh even when no event arrives. */
export function useAct<K extends CommandName>(name: K, changes: readonly Tag[], done?: (response: Response<K>, client: QueryClient) => void) {
  const host = useHost();
  const client = useQueryClient();
  return useMutation<Response<K>, CallFailed, Request<K>>({
    mutationFn: (request) => host.call(name, request),
    onSuccess: (response) => {
      invalidate(client, changes);
      done?.(response, client);
    },
  });
}
