// When a verifier asks for the directory, and how long a request waits for it.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { problem } from "./fake-issuer.js";
import { BEARER, begin, gate, KEY, pass, settle, STRANGER, time } from "./scene.js";

/** The line that each answer begins with. */
const begun = `${JSON.stringify({ begin: { history: "h1", since: 0 } })}\n`;

test("one failure is no reason to refuse: those who wait for it wait for the next try", async () => {
  const { issuer, judge } = await begin();
  const good = issuer.answer;
  const failures = [() => Promise.reject(new TypeError("fetch failed")), () => new Response(issuer.lines().slice(0, -3))];
  for (const [i, failure] of failures.entries()) {
    issuer.answer = () => {
      issuer.answer = good;
      return failure();
    };
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => judge(BEARER)));
    assert.deepEqual(new Set(verdicts), new Set(["accepted"]));
    assert.equal(issuer.asked.length, 2 * (i + 1), "once for all, and once more");
    pass(10_001);
  }
});

test("while the issuer is away a request has it asked twice, and the next ones not at all", async () => {
  const { issuer, judge } = await begin();
  issuer.answer = () => Promise.reject(new TypeError("fetch failed"));
  for (let i = 0; i < 3; i += 1) {
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => judge(BEARER)));
    assert.deepEqual(new Set(verdicts), new Set(["directory_stale"]));
    assert.equal(issuer.asked.length, 2);
  }
});

test("what shows no credential, or none that could be one, has nothing fetched and waits for nothing", async () => {
  const { issuer, judge } = await begin();
  issuer.answer = () => new Promise<never>(() => {});
  const host = ["host", "api.example.com"] as const;
  const malformed = BEARER.headers.map(([name, value]) => [name, name === "authorization" ? value.slice(0, -1) : value] as const);
  for (let i = 0; i < 2; i += 1) {
    assert.equal(await judge({ ...BEARER, headers: [host] }), "credential_missing");
    assert.equal(await judge({ ...BEARER, headers: [host, ["authorization", "Doorkey no.token.atall"]] }), "malformed_token");
    assert.equal(await judge({ ...BEARER, headers: malformed }), "malformed_key");
    assert.equal(issuer.asked.length, 0);
  }
  // Nor does it renew a copy that is there.
  issuer.answer = () => new Response(issuer.lines());
  assert.equal(await judge(BEARER), "accepted");
  pass(6000);
  assert.equal(await judge({ ...BEARER, headers: [host] }), "credential_missing");
  assert.equal(issuer.asked.length, 1);
  assert.equal(await judge(BEARER), "accepted");
  assert.equal(issuer.asked.length, 2);
});

test("a request that waits for the directory is counted for what came of it alone", async () => {
  const publishable = { id: "key_01h455vb4pex5vr081040g2081", kind: "publishable", environment: "test", origins: ["https://shop.example"] };
  const { world, issuer, judge } = await begin({}, publishable);
  const ask = async () => judge(await world.sign(Math.floor(time.wall / 1000), "GET", "/"));
  pass(20_000);
  assert.equal(await ask(), "accepted");
  pass(20_000);
  // The token's own key is known of old, and so is whose it is.
  assert.equal(await ask(), "accepted");
  pass(20_000);
  issuer.answer = () => problem("key_revoked", 401);
  assert.equal(await ask(), "directory_stale");
  await settle();
  pass(5001);
  await judge(STRANGER);
  await settle();
  const outcomes = new Map<string, number>();
  for (const { outcome, count } of issuer.reports.flatMap(({ counts }) => counts)) {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  }
  assert.deepEqual(Object.fromEntries(outcomes), { accepted: 2, directory_stale: 1 });
});

test("an issuer that does not answer, or not to the end, is not asked by each request anew", async () => {
  for (const wrong of [() => Promise.reject(new TypeError("fetch failed")), () => new Response(begun), () => new Response("{")]) {
    const { issuer, judge } = await begin();
    issuer.answer = wrong;
    for (let i = 0; i < 100; i += 1) {
      assert.equal(await judge(BEARER), "directory_stale");
      pass(10);
    }
    // In a second, with waits that double from 100 ms on, of which a part is drawn.
    assert.ok(issuer.asked.length >= 3 && issuer.asked.length <= 8, `${issuer.asked.length} times`);
    issuer.answer = () => new Response(issuer.lines());
    pass(2001);
    assert.equal(await judge(BEARER), "accepted");
  }
});

test("an answer that never comes or never ends is waited for five seconds, and given up", async () => {
  const { issuer, judge } = await begin();
  let isCancelled = false;
  let say: (line: string) => void = () => {};
  const utf8 = new TextEncoder();
  const endless = () => {
    isCancelled = false;
    const start = (to: ReadableStreamDefaultController<Uint8Array>) => {
      say = (line) => void (isCancelled || to.enqueue(utf8.encode(line)));
      say(begun);
    };
    return new Response(new ReadableStream({ start, cancel: () => void (isCancelled = true) }));
  };
  const archived = `${JSON.stringify({ organization: { id: "org_01h455vb4pex5vr0r30c1g60r3", archived: true } })}\n`;
  const never = () => new Promise<never>(() => {});
  mock.timers.enable({ apis: ["setTimeout"] });
  const tick = async (millis: number) => {
    await settle();
    pass(millis);
    mock.timers.tick(millis);
    await settle();
  };
  try {
    for (const answer of [never, endless]) {
      issuer.answer = answer;
      const verdict = judge(BEARER);
      await tick(5000);
      assert.equal(await verdict, "directory_stale");
      await tick(2001);
    }
    assert.ok(isCancelled, "what is silent is given up");
    // It goes on, and does not end: those who wait for it do so no longer, and after a minute it ends.
    issuer.answer = endless;
    const verdict = judge(BEARER);
    await tick(1);
    const asked = issuer.asked.length;
    for (let seconds = 0; seconds < 5; seconds += 1) {
      say(archived);
      await tick(1000);
    }
    assert.equal(await verdict, "directory_stale");
    let later: Promise<string> | undefined;
    for (let seconds = 5; seconds < 59; seconds += 1) {
      if (seconds === 20) later = judge(BEARER);
      say(archived);
      await tick(1000);
    }
    assert.deepEqual([isCancelled, issuer.asked.length], [false, asked]);
    assert.equal(await later, "directory_stale", "one that came in between waited for the same");
    await tick(1000);
    assert.ok(isCancelled, "what never ends is given up");
    await tick(2001);
    issuer.answer = () => new Response(issuer.lines());
    assert.equal(await judge(BEARER), "accepted");
  } finally {
    mock.timers.reset();
  }
});

test("an answer that comes too late is given back, where a fetch cares for no signal", async () => {
  const { issuer, judge } = await begin();
  const { open, opened } = gate<Response>();
  issuer.answer = () => opened;
  let isCancelled = false;
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const verdict = judge(BEARER);
    await settle();
    pass(5000);
    mock.timers.tick(5000);
    assert.equal(await verdict, "directory_stale");
    open(new Response(new ReadableStream({ cancel: () => void (isCancelled = true) })));
    await settle();
    assert.ok(isCancelled);
  } finally {
    mock.timers.reset();
  }
});

test("a key that is not known is asked for at once, or a second after the last time, for all who wait", async () => {
  const { issuer, judge } = await begin();
  assert.equal(await judge(BEARER), "accepted");
  pass(1001);
  const strangers = () => Promise.all(Array.from({ length: 100 }, () => judge(STRANGER)));
  assert.deepEqual(new Set(await strangers()), new Set(["key_unknown"]));
  assert.equal(issuer.asked.length, 2);
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const verdicts: Promise<string[]>[] = [];
    for (let i = 0; i < 10; i += 1) {
      assert.equal(issuer.asked.length, 2);
      pass(100);
      mock.timers.tick(100);
      verdicts.push(strangers());
      await settle();
    }
    assert.deepEqual(new Set((await Promise.all(verdicts)).flat()), new Set(["key_unknown"]));
    assert.equal(issuer.asked.length, 3);
  } finally {
    mock.timers.reset();
  }
});

test("a key that was just made is found, also right after another question", async () => {
  const { issuer, judge } = await begin({}, { ...KEY, id: "key_01h455vb4pex5vr081040g2081" });
  assert.equal(await judge(BEARER), "key_unknown");
  issuer.set(KEY);
  pass(1);
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const verdicts = Promise.all(Array.from({ length: 100 }, () => judge(BEARER)));
    await settle();
    assert.equal(issuer.asked.length, 1);
    pass(999);
    mock.timers.tick(999);
    assert.deepEqual(new Set(await verdicts), new Set(["accepted"]));
    assert.equal(issuer.asked.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test("who waits to ask for a key takes up what was asked meanwhile", async () => {
  const { issuer, judge } = await begin({ maxStaleness: 1 });
  assert.equal(await judge(BEARER), "accepted");
  const { open, opened } = gate<Response>();
  issuer.answer = () => opened;
  mock.timers.enable({ apis: ["setTimeout"] });
  const tick = async (millis: number) => {
    pass(millis);
    mock.timers.tick(millis);
    await settle();
  };
  try {
    await tick(400);
    const verdict = judge(STRANGER);
    await tick(200);
    assert.equal(await judge(BEARER), "accepted", "which has the copy renewed");
    await tick(500);
    assert.equal(issuer.asked.length, 2);
    open(new Response(issuer.lines()));
    assert.equal(await verdict, "key_unknown");
    assert.equal(issuer.asked.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test("a refresh that is under way may bring a key that is not known", async () => {
  const { issuer, judge } = await begin({}, { ...KEY, id: "key_01h455vb4pex5vr081040g2081" });
  assert.equal(await judge(BEARER), "key_unknown");
  const { open, opened } = gate<Response>();
  issuer.answer = () => opened;
  pass(5100);
  const verdict = judge(BEARER);
  await settle();
  issuer.set(KEY);
  open(new Response(issuer.lines()));
  assert.equal(await verdict, "accepted");
  assert.equal(issuer.asked.length, 2);
});

test("news of a key are waited for a second and a half", async () => {
  const { issuer, judge } = await begin();
  assert.equal(await judge(BEARER), "accepted");
  pass(1001);
  issuer.answer = () => new Promise<never>(() => {});
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const verdict = judge(STRANGER);
    await settle();
    pass(1500);
    mock.timers.tick(1500);
    assert.equal(await verdict, "key_unknown");
    assert.equal(await judge(BEARER), "accepted");
  } finally {
    mock.timers.reset();
  }
});
