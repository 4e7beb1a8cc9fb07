// A real Chromium, as Debian packages it; xtask says where it is.

import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const launch = (more = {}) => chromium.launch({ executablePath, args, headless: true, ...more });

/** A window as people use it. The contexts of `launch` are private ones, for which Chromium connects nowhere ahead of time. */
export const launchWindow = () => chromium.launchPersistentContext("", { executablePath, args, headless: true });

/** Opens a page and collects all that goes wrong in it. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => {
    // Chromium itself reports every refused response; the refusals are what is being tested.
    const isRefusal = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (["error", "warning"].includes(message.type()) && !isRefusal) troubles.push(message.text());
  });
  await page.goto(url);
  return { page, troubles, close: () => context.close() };
}
