import { createTheme, type MantineColorsTuple } from "@mantine/core";

const pine: MantineColorsTuple = ["#e8f5f3", "#d3e9e6", "#a6d3ce", "#79bdb5", "#54aba2", "#3c9f95", "#1f827b", "#1f6f6b", "#17625e", "#0d4f4b"];

export const theme = createTheme({
  primaryColor: "pine",
  primaryShade: { light: 7, dark: 8 },
  colors: { pine },
  defaultRadius: "sm",
  fontFamily: '"Inter Variable", system-ui, sans-serif',
  fontFamilyMonospace: "var(--font-mono)",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Modal: { defaultProps: { overlayProps: { backgroundOpacity: 0.35 }, transitionProps: { duration: 100 } } },
    Tooltip: { defaultProps: { openDelay: 400, withArrow: true } },
  },
});
