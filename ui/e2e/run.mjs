// @ts-check
/**
 * Drives the console in Debian's Chromium: every screen, axe on each, and one whole decision by keyboard.
 *
 *   VETSYNC_URL   address with ?token=, or of a preview with ?host=fake
 *   VETSYNC_SHOTS folder for screenshots (none are taken without it)
 *   VETSYNC_DIST  folder of a build to show instead of the files that the server carries
 *   VETSYNC_LOOKS "all" for light and dark in both sizes, and a window magnified to 200 %; otherwise light at 1280 x 800
 */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkAxe, openBrowser, showBuild, typeAtOnce } from "./browser.mjs";

const url = process.env.VETSYNC_URL;
const shots = process.env.VETSYNC_SHOTS;
assert.ok(url, "Set VETSYNC_URL to the console's address.");
if (shots) await mkdir(shots, { recursive: true });

const SLOW_MS = 60_000;
const browser = await openBrowser();
const page = browser.pages()[0] ?? (await browser.newPage());
page.setDefaultTimeout(SLOW_MS);
if (process.env.VETSYNC_DIST) await showBuild(page, process.env.VETSYNC_DIST);

/** @type {string[]} */
const complaints = [];
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));

const at = (/** @type {string} */ id) => page.getByTestId(id);
let look = "light-1280";

async function look_at(/** @type {string} */ name) {
  // The event stream never rests, so "network idle" never comes: what is still on its way says so itself.
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  await checkAxe(page, `${name} (${look})`);
  if (shots) await page.screenshot({ path: join(shots, `${name}-${look}.png`) });
  console.log(`ok  ${name} (${look})`);
}

/** Goes to a screen by its two letters, away from any input. */
async function go(/** @type {string} */ letter) {
  await page.locator("h1").first().focus();
  await page.keyboard.press("g");
  await page.keyboard.press(letter);
}

async function home() {
  await go("h");
  await at("home").waitFor();
  await at("metrics").waitFor();
  await look_at("home");
}

async function patients() {
  await go("p");
  await at("patient-row").first().waitFor();
  await look_at("patients");
  const first = await at("patient-row").first().locator("[role=gridcell]").first().innerText();
  const word = first.split(/\s+/)[0] ?? "";
  await at("patient-search").fill(word.slice(0, 4));
  await page.waitForFunction(
    (text) =>
      [...document.querySelectorAll("[data-testid=patient-row] [role=gridcell]:first-child")].length > 0 &&
      document.querySelector("[data-testid=patient-row]")?.textContent?.toLowerCase().includes(text),
    word.slice(0, 4).toLowerCase(),
  );
  await at("patient-total").filter({ hasText: "found" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await at("trust-card").waitFor();
  await look_at("patient");
  if (await at("toggle-raw").isVisible()) {
    await page.keyboard.press("w");
    await at("raw").waitFor();
    await look_at("patient-raw");
  }
}

/** Chooses a filter and waits until the list answers it. */
async function narrow(/** @type {string} */ chip) {
  await at(chip).click();
  await at(chip).and(page.locator("[aria-pressed=true]")).waitFor();
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
}

async function workList() {
  await go("w");
  await at("work").waitFor();
  await at("work-row").first().waitFor();
  await look_at("work");
  await page.keyboard.press("x");
  await at("work-list").waitFor();
  await look_at("work-grouped");
  await page.keyboard.press("x");
}

async function helpAndPalette() {
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await look_at("help");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await typeAtOnce(page, ["Control+k", ..."receipt"]);
  assert.equal(await page.getByPlaceholder(/something to do/).inputValue(), "receipt", "the palette gets every letter");
  await look_at("palette");
  await page.keyboard.press("Escape");
  await page.getByPlaceholder(/something to do/).waitFor({ state: "detached" });
}

async function variants() {
  for (const [chip, shot, ready] of [
    ["chip-maybe_duplicate", "duplicate", "candidate"],
    ["chip-rule_broken", "broken-rule", "broken-rule"],
    ["chip-awaiting_second", "awaiting-second", "waiting-second"],
  ]) {
    await go("w");
    await at("work").waitFor();
    await narrow(String(chip));
    // A clinic without such a conflict shows the empty list; that is a screen as well.
    await page.locator("[data-testid=work-row], [data-testid=empty]").first().waitFor();
    if ((await at("work-row").count()) === 0) continue;
    await at("work-row").first().click();
    await at(String(ready)).first().waitFor();
    await look_at(String(shot));
    if (ready === "waiting-second") {
      await page.locator("h1").focus();
      await page.keyboard.press("v");
      await at("plan").waitFor();
      await at("second-person").waitFor();
      await look_at("second-person");
    }
  }
}

/** Records that may be one animal, by tier, and one pair side by side up to the reason. */
async function duplicates() {
  await go("d");
  await at("duplicates").waitFor();
  await page.locator("[data-testid=duplicate-row], [data-testid=empty]").first().waitFor();
  await look_at("duplicates");
  if ((await at("duplicate-row").count()) === 0) return;
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await at("duplicate-fields").waitFor();
  await look_at("duplicate-pair");
  if ((await at("distinct").count()) > 0) {
    await page.locator("h1").focus();
    await page.keyboard.press("2");
    await at("reason-dialog").waitFor();
    await look_at("duplicate-reason");
    await page.keyboard.press("Escape");
    await at("reason-dialog").waitFor({ state: "detached" });
  }
  await page.locator("h1").focus();
  await page.keyboard.press("Escape");
  await at("duplicates").waitFor();
}

/** The calendar of a day and of a week, and one appointment. */
async function appointments() {
  await go("a");
  await page.locator("[data-testid=day-grid], [data-testid=empty]").first().waitFor();
  await page.keyboard.press("w");
  await page.locator("[data-testid=week-table], [data-testid=empty]").first().waitFor();
  await look_at("appointments-week");
  if ((await at("visit").count()) === 0) {
    await at("next-busy").click();
    await at("week-table").waitFor();
  }
  await page.locator("[data-testid=week-table] thead button").nth(1).click();
  await at("day-grid").waitFor();
  await look_at("appointments");
  await page.locator("h1").focus();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await at("patient-fields").waitFor();
  await look_at("appointment");
}

/** The treatments of last week, and one with its steps. */
async function treatments() {
  await go("t");
  await at("treatments-lead").waitFor();
  await page.keyboard.press("[");
  await page.locator("[data-testid=treatment-row], [data-testid=empty]").first().waitFor();
  await look_at("treatments");
  if ((await at("treatment-row").count()) === 0) return;
  await page.keyboard.press("Enter");
  await at("steps").waitFor();
  await look_at("treatment");
}

/** The queue with its groups; with a refused write, its correction up to the plan. */
async function queue() {
  await go("q");
  await at("queue").waitFor();
  await at("remotes").waitFor();
  await page.locator("[data-testid=queue-row], [data-testid=empty]").first().waitFor();
  await look_at("queue");
  await page.keyboard.press("x");
  await page.locator("[data-testid=queue-cause], [data-testid=empty]").first().waitFor();
  await look_at("queue-causes");
  if ((await at("queue-cause").count()) > 0) {
    await at("queue-list").focus();
    await page.keyboard.press("Enter");
    await at("cause-bar").waitFor();
    await look_at("queue-cause");
    await page.keyboard.press("Escape");
    await at("queue-cause").first().waitFor();
  }
  await page.keyboard.press("x");
  await at("chip-waiting").waitFor();
  await narrow("chip-parked");
  await page.locator("[data-testid=queue-row], [data-testid=empty]").first().waitFor();
  // A clinic in which nothing was refused shows the empty list.
  if ((await at("queue-row").count()) === 0) return look_at("queue-parked");
  await at("queue-row").last().click();
  await at("literal-request").waitFor();
  await look_at("operation");
  await page.locator("h1").focus();
  const corrected = at("edit-form").locator("input, textarea").first();
  await typeAtOnce(page, ["e", ..."303-555"]);
  await at("edit-form").waitFor();
  assert.match(await corrected.inputValue(), /303-555/, "a form opened by key gets every letter");
  await look_at("operation-edit");
  await page.locator("h1").focus();
  await page.keyboard.press("Escape");
  await at("edit-form").waitFor({ state: "detached" });
}

/** The runs, the report of the latest one, and that of a week; a report saved is a file of its own. */
async function reports() {
  await go("c");
  await at("runs").waitFor();
  await look_at("reconciliation");
  await page.locator("h1").first().focus();
  await page.keyboard.press("Enter");
  await at("report").waitFor();
  await at("figure-accuracy").waitFor();
  await look_at("report");
  for (const [key, ending, begins] of /** @type {const} */ ([
    ["p", "pdf", "%PDF-1.7"],
    ["e", "xlsx", "PK"],
    ["v", "csv", "\u{feff}section,"],
  ])) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press(key)]);
    assert.match(download.suggestedFilename(), new RegExp(`^vetsync-run-.*\\.${ending}$`));
    const content = await readFile(await download.path());
    // Invented data has invented files.
    if (!url?.includes("host=fake")) assert.equal(content.toString("utf8", 0, Buffer.byteLength(begins)), begins, `what is saved as ${ending} is one`);
    await page.locator("h1").first().focus();
  }
  await page.keyboard.press("Escape");
  await at("report-of-days").waitFor();
  await page.keyboard.press("r");
  await at("span-week").waitFor();
  await page.keyboard.press("w");
  await page.locator("[data-testid=span-week][aria-pressed=true]").waitFor();
  await at("runs-row").first().waitFor();
  await look_at("report-of-days");
}

/** What came in and could not be read, up to the editor. */
async function unreadable() {
  await go("u");
  await at("unreadable").waitFor();
  await page.locator("[data-testid=unreadable-row], [data-testid=empty]").first().waitFor();
  await look_at("unreadable");
  if ((await at("unreadable-row").count()) === 0) return;
  await at("unreadable-row").first().click();
  await at("raw-text").waitFor();
  await look_at("unreadable-entry");
  if (!(await at("edit").isEnabled())) return;
  await page.locator("h1").focus();
  await page.keyboard.press("e");
  await at("entry-edit").waitFor();
  await look_at("unreadable-edit");
  await page.locator("h1").focus();
  await page.keyboard.press("Escape");
  await at("entry-edit").waitFor({ state: "detached" });
}

/** Systems that fail, each in its way; only the sample clinic does so when asked. */
async function trouble(/** @type {string} */ address) {
  for (const scheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width: 1280, height: 800 });
    for (const [name, troubles] of [
      ["queue-breaker-signin", "&trouble=service_now.sign_in_refused&trouble=ehr.breaker_open"],
      ["queue-rate-limit", "&trouble=service_now.failing"],
      ["full-disk", "&trouble=full_disk"],
    ]) {
      look = `${scheme}-1280`;
      await page.goto(`${address}${troubles}`);
      await at("metrics").waitFor();
      await look_at(`home-${name}`);
      await go("q");
      await at("queue-row").first().waitFor();
      await look_at(String(name));
    }
  }
}

/** A comparison that the brake stopped: one administrator asks with a reason, another one agrees, all by keyboard. */
async function brake(/** @type {string} */ address) {
  for (const scheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const [width, height] of /** @type {const} */ ([
      [1280, 800],
      [1920, 1080],
    ])) {
      look = `${scheme}-${width}`;
      await page.setViewportSize({ width, height });
      await page.goto(`${address}&trouble=brake`);
      await at("braked").waitFor();
      await look_at("home-braked");
      await page.locator("h1").first().focus();
      const why = "A new telephone system: all numbers were typed anew";
      await typeAtOnce(page, ["c", ...why]);
      assert.equal(await page.getByRole("dialog").getByRole("textbox").inputValue(), why);
      await look_at("braked-continue");
      await page.keyboard.press("Control+Enter");
      await at("braked-maker").waitFor();
      await at("who-can").filter({ hasText: "another administrator" }).waitFor();
      await look_at("home-braked-asked");
      await at("person").click();
      await at("person-chief").click();
      await at("braked-agree").waitFor();
      await page.locator("h1").first().focus();
      await page.keyboard.press("a");
      await page.getByRole("dialog").getByText(why).waitFor();
      await look_at("braked-agree");
      await page.keyboard.press("Control+Enter");
      await at("braked").waitFor({ state: "detached" });
      await at("run-progress").waitFor();
    }
  }
}

/** Pauses a system and resumes it. */
async function pauseAndResume() {
  await go("q");
  await at("pause-service_now").waitFor();
  // People do not wait for a dialog before they type.
  const why = "Upgrade of the instance until noon";
  await typeAtOnce(page, ["p", "1", ...why]);
  assert.equal(await page.getByRole("dialog").getByRole("textbox").inputValue(), why, "a dialog opened by key gets every letter");
  await look_at("pause");
  await page.keyboard.press("Control+Enter");
  await at("resume-service_now").waitFor();
  await look_at("queue-paused");
  await go("h");
  await at("metrics").waitFor();
  await look_at("home-paused");
  await go("q");
  await at("resume-service_now").waitFor();
  await page.keyboard.press("p");
  await page.keyboard.press("1");
  await at("pause-service_now").waitFor();
}

/** Opens the first conflict that one person may settle alone, decides every difference, approves, and undoes. */
async function decide() {
  await go("w");
  await at("work").waitFor();
  for (const chip of ["chip-3", "chip-open", "chip-fields_differ"]) await narrow(chip);
  await at("work-row").first().waitFor();
  await at("work-list").focus();
  await page.keyboard.press("Enter");
  await at("compare-table").waitFor();
  const rows = page.locator("[data-testid^=field-]");
  // What cannot be read cannot be taken, nor can an undo bring it back: the next one down, then.
  for (let passed = 0; (await at("choice-take_service_now").count()) < (await rows.count()); passed += 1) {
    assert.ok(passed < 12, "a conflict whose values can all be read is among the first");
    await page.keyboard.press("Escape");
    await at("work-row").first().waitFor();
    await at("work-list").focus();
    for (let down = 0; down <= passed; down += 1) await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await at("compare-table").waitFor();
  }
  await look_at("compare");
  await page.locator("h1").focus();
  await page.keyboard.press("w");
  await at("why-asked").first().waitFor();
  const count = await rows.count();
  for (let index = 0; index < count; index += 1) {
    await rows.nth(index).focus();
    await page.keyboard.press("1");
    await rows.nth(index).getByTestId("choice-take_service_now").and(page.locator("[aria-pressed=true]")).waitFor();
  }
  await look_at("compare-decided");
  await page.keyboard.press("v");
  await at("plan").waitFor();
  await at("approve").waitFor();
  await look_at("plan");
  await page.keyboard.press("Control+Enter");
  // The sample clinic moves one conflict on purpose: then it reopens with the work kept.
  await page.locator("[data-testid=receipt], [data-testid=moved-notice]").first().waitFor();
  if (await at("moved-notice").isVisible()) {
    await look_at("compare-moved");
    await page.keyboard.press("1");
    await page.locator("[data-testid=choice-take_service_now][aria-pressed=true]").first().waitFor();
    await page.keyboard.press("v");
    await at("approve").waitFor();
    await page.keyboard.press("Control+Enter");
    await at("receipt").first().waitFor();
  }
  await at("verified").first().waitFor();
  await look_at("receipt");
  const written = await at("receipt").count();
  assert.ok(written >= 1, "an approved decision leaves a receipt");
  assert.match(await at("verified").first().innerText(), /as sent/);

  await at("undo").waitFor();
  await page.locator("h1").focus();
  await page.keyboard.press("u");
  await page.getByRole("heading", { name: /Undo:/ }).waitFor();
  await look_at("undo");
  await page.keyboard.press("Control+Enter");
  await at("receipt").first().waitFor();
  await page.getByRole("heading", { name: "Undone" }).waitFor();
  await go("r");
  await at("receipt-row").first().waitFor();
  assert.ok((await at("receipt-row").count()) >= 2, "the decision and its undo are both listed");
  await page.locator("[data-testid=receipt-row]", { hasText: "Undone" }).first().waitFor();
  await look_at("receipts");
}

try {
  const started = Date.now();
  await page.goto(url);
  await at("headline").waitFor();
  console.log(`ok  ready after ${Date.now() - started} ms`);
  assert.doesNotMatch(page.url(), /token=/, "the token is taken out of the address bar");
  const looks = process.env.VETSYNC_LOOKS === "all" ? ["light-1280", "dark-1280", "light-1920", "dark-1920", "light-640"] : ["light-1280"];
  for (const one of looks) {
    look = one;
    await page.emulateMedia({ colorScheme: one.startsWith("dark") ? "dark" : "light", reducedMotion: "reduce" });
    const width = Number(one.split("-")[1]);
    await page.setViewportSize({ width, height: width === 1920 ? 1080 : 800 });
    await home();
    await patients();
    await appointments();
    await treatments();
    await workList();
    await duplicates();
    await helpAndPalette();
    await variants();
    await queue();
    await unreadable();
    await reports();
    await pauseAndResume();
    await decide();
  }
  if (url.includes("host=fake")) {
    await trouble(url);
    await brake(url);
  }
  assert.deepEqual(complaints, [], "the browser's console stays clean");
  console.log("all screens and one whole decision passed");
} catch (thrown) {
  if (shots) await page.screenshot({ path: join(shots, "failed.png") }).catch(() => undefined);
  console.error(thrown);
  console.error(complaints.join("\n"));
  process.exitCode = 1;
} finally {
  await browser.close();
}
