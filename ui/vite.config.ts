import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The sample clinic is for development: a production bundle that holds it must not exist. */
const noSampleInProduction = {
  name: "no-sample-in-production",
  apply: "build" as const,
  generateBundle(_options: unknown, bundle: Record<string, { type: string; moduleIds?: string[] }>) {
    const found = Object.values(bundle).flatMap((chunk) => (chunk.moduleIds ?? []).filter((id) => id.includes("/host/fake/")));
    if (found.length > 0) throw new Error(`The production bundle would hold the sample clinic: ${found.join(", ")}`);
  },
};

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [react(), ...(mode === "production" ? [noSampleInProduction] : [])],
  clearScreen: false,
  server: { host: "127.0.0.1", port: 1420, strictPort: true },
  preview: { host: "127.0.0.1", port: 4173, strictPort: true },
  build: { target: "safari16", sourcemap: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  test: {
    environment: "happy-dom",
    setupFiles: ["./src/test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
    testTimeout: 30_000,
  },
}));
