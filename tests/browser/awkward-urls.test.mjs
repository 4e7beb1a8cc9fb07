// What cannot set headers, what answers piece by piece, and browsers whose WebCrypto has no Ed25519.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { refused, useHouse, value } from "./awkward/tab.mjs";

const world = useHouse();

/** A WebCrypto of some years ago. */
const NO_ED25519 = () => {
  const generateKey = SubtleCrypto.prototype.generateKey;
  SubtleCrypto.prototype.generateKey = function (algorithm, ...rest) {
    if ((algorithm.name ?? algorithm) === "Ed25519") return Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));
    return generateKey.call(this, algorithm, ...rest);
  };
};

test("an answer is read piece by piece while the server still writes", async () => {
  const { page } = await world.open();
  const { service } = world.house;
  const begun = await page.evaluate(() => attempt(async () => {
    const response = await client.fetch(`${api}/stream`);
    globalThis.reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    return response.status;
  }));
  assert.equal(value(begun), 200);
  for (const piece of ["one", "two", "three"]) {
    service.write(piece);
    assert.equal(value(await page.evaluate(() => attempt(async () => (await reader.read()).value))), piece);
    assert.equal(service.streams(), 1, "it has not ended");
  }
  service.end();
  assert.equal(value(await page.evaluate(() => attempt(async () => (await reader.read()).done))), true);
  world.arrived(1, 1);
});

test("an image, events, a WebSocket and a download come by signed URLs, each once", async () => {
  const { page } = await world.open({ expected: ["WebSocket connection to", "EventSource's response has"] });
  const { service, api } = world.house;
  const image = await page.evaluate(() => attempt(async () => {
    const image = new Image();
    image.src = await client.signUrl(`${api}/pixel?size=1`);
    await image.decode();
    return [image.naturalWidth, image.src];
  }));
  const [width, source] = value(image);
  assert.equal(width, 1);
  const again = await fetch(source);
  assert.deepEqual([again.status, (await again.json()).code], [401, "replayed"]);

  await page.evaluate(() => attempt(async () => {
    globalThis.events = new EventSource(await client.signUrl(`${api}/events`));
    globalThis.told = new Promise((resolve) => (events.onmessage = ({ data }) => resolve(data)));
    return new Promise((resolve) => (events.onopen = resolve));
  })).then(value);
  service.write("data: first\n\n");
  assert.equal(await page.evaluate(() => told), "first");
  // It connects again by itself, with the same URL, and that one is used up.
  const closed = page.evaluate(() => new Promise((resolve) => (events.onerror = () => events.readyState === EventSource.CLOSED && resolve(true))));
  service.write("retry: 1\n\n");
  service.end();
  assert.equal(await closed, true);

  const socket = await page.evaluate(() => attempt(async () => {
    const socket = new WebSocket(await client.signUrl(`${api.replace("http", "ws")}/socket?room=1`));
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve([data, socket.url]);
      socket.onerror = reject;
    });
  }));
  const [said, url] = value(socket);
  assert.equal(said, "/socket?room=1", "what is behind the gate sees no signature");
  const failed = await page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve(false);
    socket.onerror = () => resolve(true);
  }), url);
  assert.equal(failed, true, "a WebSocket's URL is used up, too");

  const downloading = page.waitForEvent("download");
  await page.evaluate(() => attempt(async () => {
    const link = document.createElement("a");
    link.href = await client.signUrl(`${api}/download`);
    link.download = "a.txt";
    document.body.append(link);
    link.click();
  })).then(value);
  const download = await downloading;
  assert.equal(await readFile(await download.path(), "utf8"), "content");
  assert.equal(download.suggestedFilename(), "a.txt");
  await download.delete();

  assert.equal(world.house.issuer.take().length, 1);
  const arrived = api.take().map(({ method, url }) => `${method} ${url.split("?")[0]}`);
  assert.deepEqual(arrived, ["GET /pixel", "GET /pixel", "GET /events", "GET /events", "UPGRADE /socket", "UPGRADE /socket", "GET /download"]);
});

test("a relative URL is the page's, and no URL of the API", async () => {
  const { page } = await world.open();
  refused(await page.evaluate(() => attempt(() => client.signUrl("/pixel"))), "invalid_input");
  refused(await page.evaluate(() => attempt(() => client.signUrl(`${api}/`, { expiresIn: 301 }))), "invalid_input");
  world.arrived(1, 0);
});

test("without Ed25519 in WebCrypto the key is in wasm, under a strict policy as well", async () => {
  const { issuer, api } = world.house;
  const policy = (sources) => `default-src 'none'; script-src 'self' ${sources}; connect-src ${issuer.origin} ${api.origin}; img-src ${api.origin} data:`;
  const query = (sources) => `?csp=${encodeURIComponent(policy(sources))}`;
  const { page } = await world.open({ prelude: NO_ED25519, query: query("'wasm-unsafe-eval'") });
  const result = await page.evaluate(() => attempt(async () => {
    const image = new Image();
    image.src = await client.signUrl(`${api}/pixel`);
    await image.decode();
    const post = await get("/a", { method: "POST", body: "x" });
    return [(await client.session()).custody, (await get("/b")).status, post.status];
  }));
  assert.deepEqual(value(result), ["wasm", 200, 200]);
  refused(await page.evaluate(() => attempt(() => createClient({ publishableKey, custody: "webcrypto" }).session())), "invalid_input");
  world.arrived(1, 3);

  const blocked = ["Content Security Policy", "WebAssembly"];
  const { page: strict } = await world.open({ prelude: NO_ED25519, query: query(""), expected: blocked });
  const { message } = refused(await strict.evaluate(() => attempt(() => get("/a"))), "sdk_unavailable");
  assert.match(message, /'wasm-unsafe-eval'/);
  world.arrived(0, 0);
});
