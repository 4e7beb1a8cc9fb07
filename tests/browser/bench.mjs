// How soon a page has its first signed response, beside a page that does the same by hand, and what a warm call adds.
// Prints a table; fails where a figure is past its budget. In turn within one browser, each load in a context of its own.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { brotliCompressSync } from "node:zlib";
import { launch } from "./chromium.mjs";
import { startDemo } from "./demo.mjs";

const ROUNDS = Number(process.argv[2] ?? 15);
const [BUDGET, WARM_BUDGET] = [1.1, 1];
/** Latency in milliseconds, throughput in bytes a second: what developer tools call 4G. */
const PROFILES = { loopback: undefined, "4G": { latency: 60, down: 9_000_000 / 8, up: 4_500_000 / 8 } };

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", wasm: "application/wasm" };
const root = new URL("../..", import.meta.url);
const FILES = new Map();
for (const name of ["index.js", "rest.js"]) {
  FILES.set(`/doorkey/${name}`, readFileSync(new URL(`crates/browser/dist/${name}`, root)));
}
// One document and one script before the first request, as a page has that was bundled.
FILES.set("/hand.js", readFileSync(new URL("bench/hand.js", import.meta.url)));
FILES.set("/warm.js", readFileSync(new URL("bench/warm.js", import.meta.url)));
const FIRST = {
  hand: `import { first } from "/hand.js"; const call = first;`,
  sdk: `import { createClient } from "/doorkey/index.js";
const call = (publishableKey, issuer, url) => createClient({ publishableKey }).fetch(url);`,
};
for (const [name, first] of Object.entries(FIRST)) {
  FILES.set(`/${name}.html`, Buffer.from(`<!doctype html><title>${name}</title><script type="module">
${first}
const response = await call(...JSON.parse(decodeURIComponent(location.hash.slice(1))));
navigator.sendBeacon("/result", JSON.stringify({ status: response.status, at: performance.now() }));
</script>`));
}

/** Hears what the page that is open has measured: whoever looks into a page while it loads has it work for that. */
let onResult;

function serve() {
  const served = new Map([...FILES].map(([path, bytes]) => [path, brotliCompressSync(bytes)]));
  const server = createServer(async (request, response) => {
    if (request.url === "/result") {
      onResult(await json(request));
      response.writeHead(204).end();
      return;
    }
    const body = served.get(request.url);
    const type = TYPES[/\w+$/.exec(request.url)?.[0]];
    response.writeHead(body ? 200 : 404, { "content-type": type ?? "text/plain", "content-encoding": "br", "cache-control": "no-store" });
    response.end(body);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds from the start of the navigation to the response. */
async function cold(browser, url, profile) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  if (profile) {
    const { latency, down, up } = profile;
    const conditions = { offline: false, latency, downloadThroughput: down, uploadThroughput: up };
    await session.send("Network.emulateNetworkConditions", conditions);
  }
  const result = new Promise((resolve, reject) => {
    onResult = resolve;
    page.on("pageerror", reject);
    page.on("close", () => reject(new Error(`${url} says nothing`)));
    AbortSignal.timeout(30_000).onabort = () => page.close();
  });
  const [{ status, at }] = await Promise.all([result, page.goto(url, { waitUntil: "commit" })]);
  await context.close();
  if (status !== 200) throw new Error(`${url} got ${status}`);
  return at;
}

const [demo, browser, server] = await Promise.all([startDemo(), launch(), serve()]);
const origin = `http://localhost:${server.address().port}`;
const target = `${demo.api}/whoami`;
const hash = encodeURIComponent(JSON.stringify([demo.publishable_key, demo.issuer, target]));
let isOver = false;
try {
  console.log(`${"first signed response, cold".padEnd(30)} ${"by hand".padStart(9)} ${"SDK".padStart(9)} ${"ratio".padStart(7)}`);
  for (const [name, profile] of Object.entries(PROFILES)) {
    const times = { hand: [], sdk: [] };
    for (let round = 0; round < ROUNDS + 2; round += 1) {
      for (const page of round % 2 ? ["hand", "sdk"] : ["sdk", "hand"]) {
        const time = await cold(browser, `${origin}/${page}.html#${hash}`, profile);
        // The first two warm up issuer, API and browser.
        if (round >= 2) times[page].push(time);
      }
    }
    const [hand, sdk] = [median(times.hand), median(times.sdk)];
    isOver ||= sdk / hand > BUDGET;
    console.log(`${name.padEnd(30)} ${hand.toFixed(1).padStart(6)} ms ${sdk.toFixed(1).padStart(6)} ms ${(sdk / hand).toFixed(3).padStart(7)}`);
  }
  const page = await browser.newPage();
  onResult = () => {};
  await page.goto(`${origin}/sdk.html#${hash}`);
  const calls = { "GET": {}, "POST of 10 KB": { method: "POST", body: "x".repeat(10_000) } };
  console.log("\na warm call adds to fetch");
  for (const [name, init] of Object.entries(calls)) {
    const added = await page.evaluate(
      async ([key, url, init]) => (await import("/warm.js")).warm(key, url, 300, init),
      [demo.publishable_key, target, init],
    );
    isOver ||= median(added) > WARM_BUDGET;
    console.log(`${name.padEnd(30)} ${median(added).toFixed(2).padStart(6)} ms`);
  }
} finally {
  server.close();
  await browser.close();
  await demo.stop();
}
if (isOver) {
  console.error(`past the budget: ${BUDGET} times by hand, ${WARM_BUDGET} ms`);
  process.exitCode = 1;
}
