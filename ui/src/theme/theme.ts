import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const pine: MantineColorsTuple = ["#e8f5f3", "#d3e9e6", "#a6d3ce", "#79bdb5", "#54aba2", "#3c9f95", "#1f827b", "#1f6f6b", "#17625e", "#0d4f4b"];

const slate: MantineColorsTuple = ["#e4e8ed", "#c3ccd6", "#a6b1be", "#7d8a99", "#414c59", "#2a323c", "#1d242c", "#171c22", "#12161b", "#0d1014"];

export const theme = createTheme({
  primaryColor: "pine",
  primaryShade: { light: 7, dark: 8 },
  colors: { pine, dark: slate },
  defaultRadius: "sm",
  fontFamily: '"Inter Variable", system-ui, sans-serif',
  fontFamilyMonospace: "var(--font-mono)",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    // A button's words are never cut off to make room for what stands beside it.
    Button: { styles: { root: { flexShrink: 0 } } },
    Notification: { styles: { description: { color: "var(--text-2)" } } },
    Tooltip: { defaultProps: { openDelay: 400, withArrow: true } },
  },
});

const fromTokens = {
  "--mantine-color-body": "var(--surface)",
  "--mantine-color-text": "var(--text-1)",
  "--mantine-color-dimmed": "var(--text-2)",
  "--mantine-color-placeholder": "var(--text-2)",
  "--mantine-color-error": "var(--bad-text)",
  "--mantine-color-default": "var(--surface)",
  "--mantine-color-default-hover": "var(--hover)",
  "--mantine-color-default-color": "var(--text-1)",
  "--mantine-color-default-border": "var(--line-strong)",
};

/** Mantine's parts take the console's own colours, whose contrast is checked. */
export const cssVariables: CSSVariablesResolver = () => ({ variables: {}, light: fromTokens, dark: fromTokens });
