import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./theme/tokens.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { openHost } from "./host";

const root = document.getElementById("root");
if (root) {
  const host = await openHost();
  createRoot(root).render(<App host={host} />);
}
