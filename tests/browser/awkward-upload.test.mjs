// Uploads: a gigabyte that is never held, networks that break in the middle, aborts, redirects.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { cors, hangUp, redirect, refuse, startFront } from "./awkward/front.mjs";
import { digest } from "./awkward/service.mjs";
import { refused, useHouse, value } from "./awkward/tab.mjs";

const world = useHouse();
const MIB = 1024 * 1024;

/** In the page: so many mebibytes, each of the same bytes, which it holds once. */
const FILES = () => {
  const mebibyte = new Uint8Array(1024 * 1024).map((_, i) => (i * 31 + (i >> 8)) % 251);
  globalThis.fileOf = (mebibytes) => {
    const part = new Blob([mebibyte]);
    return new File(Array(mebibytes).fill(part), "large.bin", { type: "application/x-large" });
  };
  /** Uploads a file and keeps the reports: for each phase how many, the last one, and whether they only grew. */
  globalThis.send = async (path, mebibytes, { idempotent, signal, until, body } = {}) => {
    const reports = { hash: { count: 0, loaded: 0, isGrowing: true }, send: { count: 0, loaded: 0, isGrowing: true } };
    const onProgress = ({ phase, loaded, total }) => {
      const report = reports[phase];
      Object.assign(report, { count: report.count + 1, isGrowing: report.isGrowing && loaded >= report.loaded, loaded, total });
      until?.(phase, loaded);
    };
    const headers = idempotent ? { "idempotency-key": "1" } : {};
    const response = await client.upload(api + path, { body: body ?? fileOf(mebibytes), headers, onProgress, ...(signal && { signal }) });
    return { status: response.status, url: response.url, text: await response.text(), reports };
  };
};

/** The digest of such a file. */
function expected(mebibytes) {
  const mebibyte = Buffer.from(new Uint8Array(MIB).map((_, i) => (i * 31 + (i >> 8)) % 251));
  const hash = createHash("sha256");
  for (let i = 0; i < mebibytes; i += 1) hash.update(mebibyte);
  return hash.digest();
}

/** Takes a body of any size, which the gate would hold in memory, and says what it was. */
const swallow = async (request, response, { arrival }) => {
  arrival.got = await digest(request).catch(() => undefined);
  if (!response.destroyed) response.writeHead(200, cors(request)).end(JSON.stringify(arrival.got));
};

const open = () => world.open({ prelude: FILES });

/** What the page's own process has at most held so far, and what its scripts hold, in MiB. */
async function memory(page) {
  const session = await world.browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const peaks = await Promise.all(processInfo.filter(({ type }) => type === "renderer").map(async ({ id }) => {
    const status = await readFile(`/proc/${id}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) / 1024;
  }));
  const own = await page.context().newCDPSession(page);
  await own.send("Performance.enable");
  const { metrics } = await own.send("Performance.getMetrics");
  await own.detach();
  return { peak: Math.max(...peaks), heap: metrics.find(({ name }) => name === "JSHeapUsedSize").value / MIB };
}

test("a file of 1 GiB is hashed and sent, and never held", async (context) => {
  const { page } = await open();
  const { api } = world.house;
  api.next(swallow);
  const before = await memory(page);
  const begun = performance.now();
  const { status, text, reports } = value(await page.evaluate(() => attempt(() => send("/large", 1024))));
  const seconds = (performance.now() - begun) / 1000;
  const after = await memory(page);
  assert.equal(status, 200);
  const sha256 = expected(1024);
  assert.deepEqual(JSON.parse(text), { bytes: 1024 * MIB, sha256: sha256.toString("hex") });
  const [{ headers }] = world.arrived(1, 1);
  assert.equal(headers["content-digest"], `sha-256=:${sha256.toString("base64")}:`);
  assert.equal(headers["content-type"], "application/x-large");
  for (const phase of ["hash", "send"]) {
    const { count, isGrowing, loaded, total } = reports[phase];
    assert.ok(count > 5 && isGrowing, `${phase}: ${count} reports`);
    assert.deepEqual([loaded, total], [1024 * MIB, 1024 * MIB], phase);
  }
  context.diagnostic(`1 GiB in ${seconds.toFixed(1)} s; the renderer's peak ${before.peak.toFixed(0)} → ${after.peak.toFixed(0)} MiB, JS heap ${before.heap.toFixed(1)} → ${after.heap.toFixed(1)} MiB`);
  assert.ok(after.peak - before.peak < 100, `the renderer grew from ${before.peak} to ${after.peak} MiB`);
  assert.ok(after.heap < 64, `the heap has ${after.heap} MiB`);
});

test("a Blob in fetch goes the same way", async (context) => {
  const { page } = await open();
  world.house.api.next(swallow);
  const before = await memory(page);
  const result = await page.evaluate(() => attempt(() => globalThis.get("/large", { method: "PUT", body: fileOf(256) })));
  assert.deepEqual(JSON.parse(value(result).text), { bytes: 256 * MIB, sha256: expected(256).toString("hex") });
  const { peak, heap } = await memory(page);
  context.diagnostic(`256 MiB; the renderer's peak ${before.peak.toFixed(0)} → ${peak.toFixed(0)} MiB, JS heap ${heap.toFixed(1)} MiB`);
  assert.ok(peak - before.peak < 100, `the renderer grew from ${before.peak} to ${peak} MiB`);
  world.arrived(1, 1);
});

test("a form goes through the real verifier, its files unread", async () => {
  const { page } = await open();
  const result = await page.evaluate(() => attempt(async () => {
    const form = new FormData();
    form.append('od"d\nname', "grüße\n");
    form.append("file", fileOf(20), "lärge.bin");
    return send("/form", 0, { body: form });
  }));
  const { status, text, reports } = value(result);
  assert.equal(status, 200);
  const { bytes, body } = JSON.parse(text);
  assert.deepEqual([bytes, body], [reports.send.total, "checked"]);
  assert.ok(bytes > 20 * MIB && bytes < 20 * MIB + 1000);
  const [{ headers }] = world.arrived(1, 1);
  assert.match(headers["content-type"], /^multipart\/form-data; boundary=doorkey-/);
});

test("a form is written as the browser itself writes it", async () => {
  const { page } = await open();
  const [ours, own] = value(await page.evaluate(() => attempt(async () => {
    const form = new FormData();
    const odd = ['quo"te', "line\nend", "car\rriage", "both\r\n", "\n\r", "grüße 🌊", "a;b=c", "back\\slash", "%22", "\t", "\ud800", ""];
    for (const text of odd) {
      form.append(text, text);
      form.append("file", new File([text], text, { type: "text/x" }));
    }
    form.append("file", new Blob(["no name"]));
    let sent;
    const capture = async (request) => {
      if (!request.url.startsWith(api)) return fetch(request);
      sent = request;
      return new Response("ok");
    };
    await createClient({ publishableKey, fetch: capture }).upload(`${api}/form`, { body: form });
    // All but the boundary, which each chooses for itself.
    const read = async (message) => (await message.text()).replaceAll(/boundary=(.+)/.exec(message.headers.get("content-type"))[1], "b");
    return [await read(sent), await read(new Response(form))];
  })));
  assert.equal(ours, own);
  assert.ok(own.split("--b\r\n").length > 25);
  world.arrived(1, 0);
});

test("an answer without a type has none, whichever way the upload went", async () => {
  const { page } = await open();
  for (const isHeard of [false, true]) {
    world.house.api.next(refuse(200));
    const type = await page.evaluate((isHeard) => attempt(async () => {
      const response = await client.upload(`${api}/untyped`, { body: "x", ...(isHeard && { onProgress() {} }) });
      return { type: response.headers.get("content-type"), text: await response.text() };
    }), isHeard);
    assert.deepEqual(value(type), { type: null, text: "busy" });
  }
});

test("a network that breaks in mid-upload is reported, and tried again only with an Idempotency-Key", async () => {
  const { page } = await open();
  const { api } = world.house;
  api.next(hangUp(MIB));
  refused(await page.evaluate(() => attempt(() => send("/broken", 50))), "api_unavailable");
  world.arrived(1, 1);
  api.next(hangUp(MIB));
  const { status, text, reports } = value(await page.evaluate(() => attempt(() => send("/broken", 50, { idempotent: true }))));
  assert.equal(status, 200);
  const { bytes, sha256, body } = JSON.parse(text);
  assert.deepEqual([bytes, sha256, body], [50 * MIB, expected(50).toString("hex"), "checked"]);
  assert.equal(reports.send.loaded, 50 * MIB);
  const calls = world.arrived(0, 2);
  assert.notEqual(calls[0].headers.signature, calls[1].headers.signature);
  assert.equal(calls[0].headers["content-digest"], calls[1].headers["content-digest"]);
});

test("a busy API is the page's for an upload, too", async () => {
  const { page } = await open();
  const { api } = world.house;
  api.next(refuse(503, 0), refuse(503, 0));
  assert.equal(value(await page.evaluate(() => attempt(() => send("/busy", 1)))).status, 503);
  world.arrived(1, 1);
  api.clear();
  api.next(refuse(429, 0));
  assert.equal(value(await page.evaluate(() => attempt(() => send("/busy", 1, { idempotent: true })))).status, 200);
  world.arrived(0, 2);
});

test("an abort ends the hashing and the sending at once, with its reason", async () => {
  const { page } = await open();
  const { api } = world.house;
  const abortIn = (phase) => page.evaluate((phase) => attempt(() => {
    const controller = new AbortController();
    const until = (at, loaded) => at === phase && loaded > 0 && controller.abort(new RangeError("enough"));
    return send("/aborted", 512, { signal: controller.signal, until });
  }), phase);
  assert.deepEqual((await abortIn("hash")).error, { foreign: "RangeError" });
  world.arrived(1, 0);
  let ended;
  const gone = new Promise((resolve) => (ended = resolve));
  api.next((request) => {
    let bytes = 0;
    request.on("data", (piece) => (bytes += piece.length));
    request.on("error", () => {});
    request.on("close", () => ended(bytes));
  });
  assert.deepEqual((await abortIn("send")).error, { foreign: "RangeError" });
  assert.ok((await gone) < 512 * MIB, "it ended in the middle");
  world.arrived(0, 1);
});

let elsewhere;
before(async () => (elsewhere = await startFront()));
after(() => elsewhere?.stop());

test("a redirect of an upload is refused; what the browser sends on by itself has no token for another place", async () => {
  const expectedLines = ["has been blocked by CORS policy"];
  const { page } = await world.open({ prelude: FILES, expected: expectedLines });
  const { api } = world.house;
  // Without a listener it goes by fetch, which follows nothing.
  for (const location of [`${elsewhere.origin}/stolen`, "/same"]) {
    api.next(redirect(307, location));
    refused(await page.evaluate(() => attempt(() => client.upload(`${api}/moved`, { body: fileOf(1) }))), "redirect_refused");
  }
  world.arrived(1, 2);
  assert.deepEqual([elsewhere.take(), elsewhere.takePreflights()], [[], 0]);

  // XMLHttpRequest follows: at home the verifier refuses, for the signature is for another path.
  api.next(redirect(307, "/same"));
  refused(await page.evaluate(() => attempt(() => send("/moved", 1))), "redirect_refused");
  const [, followed] = world.arrived(0, 2);
  assert.deepEqual([followed.method, followed.url], ["POST", "/same"]);

  // Another place is asked for leave first, and gets the body, without the token, only if it gives it.
  api.next(redirect(307, `${elsewhere.origin}/stolen`));
  elsewhere.next(refuse(200));
  refused(await page.evaluate(() => attempt(() => send("/moved", 1))), "redirect_refused");
  world.arrived(0, 1);
  const stolen = elsewhere.take();
  assert.equal(elsewhere.takePreflights(), 1);
  assert.deepEqual(stolen.map(({ headers }) => headers.authorization), [undefined]);
  // As README and `onProgress` say.
  for (const name of ["signature", "signature-input", "content-digest"]) assert.ok(stolen[0].headers[name], name);
});
