// Real browsers behind one small interface: open an address, wait for what the page states, collect what goes wrong.

import { chromium as playwright } from "playwright-core";
import puppeteer from "puppeteer-core";
import * as places from "./places.mjs";

const CHROMIUM_FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Runs in the page ahead of its own scripts: what one browser logs by itself, another keeps to itself. */
const watch = () => {
  addEventListener("securitypolicyviolation", (event) => console.error(`CSP ${event.violatedDirective}: ${event.blockedURI}`));
  addEventListener("unhandledrejection", (event) => console.error(`unhandled rejection: ${event.reason}`));
};

/** Runs in the page: resolves with what it states in `data-result`. Nothing is evaluated, so that a CSP may be strict. */
const statement = () =>
  new Promise((resolve) => {
    const look = () => {
      const { result } = document.documentElement.dataset;
      if (result !== undefined) resolve(JSON.parse(result));
    };
    new MutationObserver(look).observe(document.documentElement, { attributes: true });
    look();
  });

/** What goes wrong in a page; the first trouble ends the wait for its result. */
class Troubles {
  all = [];
  #ignored;
  #fail;
  #first = new Promise((_, reject) => (this.#fail = reject));

  constructor(ignored) {
    this.#ignored = ignored;
    // One that comes after the result is nobody's to wait for; it is in the list.
    this.#first.catch(() => {});
  }

  add(text) {
    if (this.#ignored?.test(text)) return;
    this.all.push(text);
    this.#fail(new Error(text));
  }

  /** `promise`, unless something goes wrong before. */
  during(promise) {
    return Promise.race([promise, this.#first]);
  }
}

/** Puppeteer and Playwright name these alike; what they call a warning they do not. */
function collect(page, troubles) {
  page.on("pageerror", (error) => troubles.add(`page error: ${error?.stack ?? error}`));
  page.on("console", (message) => {
    if (["error", "warning", "warn"].includes(message.type())) {
      troubles.add(`console: ${message.text()} ${message.location().url ?? ""}`);
    }
  });
  page.on("requestfailed", (request) => troubles.add(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    const why = response.headers()["www-authenticate"] ?? "";
    if (response.status() >= 400) troubles.add(`${response.status()} ${why} for ${response.url()}`);
  });
}

/** Opens `url` in a context of its own; yields the page's result once nothing went wrong until it was there. */
async function visit(page, url, { ignored } = {}) {
  const troubles = new Troubles(ignored);
  collect(page, troubles);
  const result = await troubles.during(page.goto(url).then(() => page.evaluate(statement)));
  // One turn of the page more: what goes unhandled is told at the end of a turn.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  return { result, troubles: troubles.all };
}

export async function launchChromium() {
  const browser = await playwright.launch({ executablePath: places.chromium, args: CHROMIUM_FLAGS, headless: true });
  return {
    name: "Chromium",
    close: () => browser.close(),
    visit: async (url, options) => {
      const context = await browser.newContext();
      try {
        await context.addInitScript(watch);
        return await visit(await context.newPage(), url, options);
      } finally {
        await context.close();
      }
    },
  };
}

export async function launchFirefox() {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: places.firefox, headless: true });
  return {
    name: "Firefox",
    close: () => browser.close(),
    visit: async (url, options) => {
      const context = await browser.createBrowserContext();
      try {
        const page = await context.newPage();
        await page.evaluateOnNewDocument(watch);
        return await visit(page, url, options);
      } finally {
        await context.close();
      }
    },
  };
}
