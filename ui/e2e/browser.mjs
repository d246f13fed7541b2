// @ts-check
import { mkdtemp, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Debian's Chromium with an empty profile and without its calls home. */
export async function openBrowser() {
  const profile = await mkdtemp(join(tmpdir(), "vetsync-e2e-"));
  return chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 800 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/**
 * Shows a fresh build's files in place of the server's own; data and session stay the server's.
 * @param {import("playwright-core").Page} page
 * @param {string} folder
 */
export async function showBuild(page, folder) {
  await page.route(/^http:\/\/127\.0\.0\.1:\d+\/(\?.*|assets\/.*|icon\.svg)?$/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path !== "/") return route.fulfill({ path: join(folder, path) });
    const response = await route.fetch();
    await route.fulfill({ response, body: await readFile(join(folder, "index.html"), "utf8") });
  });
}

/**
 * Types as fast as the browser takes it: nothing is waited for between two keys. A capital or a sign of two keys comes
 * as one, as from a keyboard's own text.
 * @param {import("playwright-core").Page} page
 * @param {string[]} keys single characters, "Enter" or "Control+k"
 */
export async function typeAtOnce(page, keys) {
  const session = await page.context().newCDPSession(page);
  const events = keys.flatMap((name) => {
    const control = name.startsWith("Control+");
    const key = control ? name.slice("Control+".length) : name;
    const text = control ? undefined : key === "Enter" ? "\r" : key;
    const common = { key, modifiers: control ? 2 : 0, ...(key === "Enter" ? { windowsVirtualKeyCode: 13 } : {}) };
    return [
      { ...common, type: /** @type {const} */ (text === undefined ? "rawKeyDown" : "keyDown"), ...(text === undefined ? {} : { text }) },
      { ...common, type: /** @type {const} */ ("keyUp") },
    ];
  });
  await Promise.all(events.map((event) => session.send("Input.dispatchKeyEvent", event)));
  await session.detach();
}

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * Every violation of WCAG 2.2 A and AA on the page as it stands.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function checkAxe(page, name) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    // @ts-expect-error axe was just put there
    const result = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return result.violations.map(
      (/** @type {any} */ one) =>
        `${one.id}: ${one.help}\n    ${one.nodes
          .map((/** @type {any} */ node) => `${node.target.join(" ")} ${node.any?.[0]?.message ?? node.all?.[0]?.message ?? ""}`)
          .slice(0, 6)
          .join("\n    ")}`,
    );
  });
  if (found.length > 0) throw new Error(`axe on ${name}:\n  ${found.join("\n  ")}`);
}
