import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { follow, newQueryClient } from "../data/client";
import { HostProvider } from "../host/context";
import type { Host } from "../host/types";
import { LiveRegion } from "../shared/announce";
import { cssVariables, theme } from "../theme/theme";
import { newRouter, type Router } from "./router";
import { Start } from "./Start";

interface Props {
  host: Host;
  router?: Router;
  client?: QueryClient;
}

export function App({ host, router: given, client: givenClient }: Props) {
  const [router] = useState(() => given ?? newRouter());
  const [client] = useState(() => givenClient ?? newQueryClient());
  useEffect(() => follow(host, client), [host, client]);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <HostProvider host={host}>
        <QueryClientProvider client={client}>
          <Start>
            <RouterProvider router={router} />
          </Start>
          <aside aria-label="Notices">
            <Notifications position="bottom-right" limit={3} withinPortal={false} />
          </aside>
          <LiveRegion />
        </QueryClientProvider>
      </HostProvider>
    </MantineProvider>
  );
}
