// What verifiers tell their issuer of the use of keys, against an issuer that says what each test wants it to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { problem } from "./fake-issuer.js";
import { BEARER, begin, gate, KEY, NOW, pass, sent, settle, STRANGER } from "./scene.js";

type Scene = Awaited<ReturnType<typeof begin>>;

/** What was told by now, the counts of each batch by outcome. */
const told = ({ issuer }: Scene) =>
  issuer.reports.map(({ counts }) => Object.fromEntries(counts.map(({ outcome, count }) => [outcome, count])));

const LEAKED = { ...BEARER, headers: sent("a bearer with an origin") };
const WITH_TYPO = { ...BEARER, headers: sent("a bearer of a known id with another seed") };

test("uses are told in batches, at most every five seconds, and each once", async () => {
  const scene = await begin({}, { ...KEY, scopes: "pictures:read", cidrs: ["192.0.2.0/24"], shadow: ["cidrs"] });
  const { issuer, judge } = scene;
  assert.equal(await judge(BEARER), "accepted");
  await settle();
  assert.deepEqual(told(scene), [{ accepted: 1, "shadow:cidrs": 1 }]);
  for (let i = 0; i < 20; i += 1) {
    pass(100);
    assert.equal(await judge(BEARER), "accepted");
  }
  // Nobody has shown these keys: they are counted for nobody.
  assert.deepEqual([await judge(STRANGER), await judge(WITH_TYPO)], ["key_unknown", "key_unknown"]);
  await settle();
  assert.equal(issuer.reports.length, 1);
  pass(5000);
  assert.equal(await judge(BEARER), "accepted");
  await settle();
  const [first, second] = issuer.reports;
  assert.deepEqual(told(scene)[1], { accepted: 21, "shadow:cidrs": 21 });
  assert.deepEqual([first?.sequence, second?.sequence], [1, 2]);
  assert.equal(first?.spool, second?.spool);
  const at = second?.counts[0];
  assert.deepEqual([at?.key, at?.hour, at?.last_at], [KEY.id, NOW - (NOW % 3600), NOW + 7]);
  pass(5001);
  await judge({ ...BEARER, headers: [["host", "api.example.com"]] });
  await settle();
  assert.equal(issuer.reports.length, 2, "nothing is told where there is nothing to tell");
});

test("a leaked key is told of at once, and a refused request's key is counted", async () => {
  const scene = await begin();
  assert.equal(await scene.judge(BEARER), "accepted");
  await settle();
  assert.equal(await scene.judge(LEAKED), "secret_key_in_browser");
  await settle();
  assert.deepEqual(told(scene), [{ accepted: 1 }, { secret_key_in_browser: 1 }]);
});

test("nobody waits for a report, and one is under way at a time", async () => {
  const scene = await begin();
  const { open, opened } = gate<Response>();
  scene.issuer.take = () => opened;
  for (let i = 0; i < 10; i += 1) assert.equal(await scene.judge(LEAKED), "secret_key_in_browser");
  await settle();
  assert.equal(scene.issuer.reports.length, 1);
  pass(5001);
  assert.equal(await scene.judge(LEAKED), "secret_key_in_browser");
  await settle();
  assert.equal(scene.issuer.reports.length, 1);
  open(new Response(null, { status: 204 }));
  await settle();
  pass(5001);
  assert.equal(await scene.judge(LEAKED), "secret_key_in_browser");
  await settle();
  assert.deepEqual(told(scene).slice(1), [{ secret_key_in_browser: 11 }]);
});

test("a report that was not taken is sent again as it was, and what came meanwhile goes with the next", async () => {
  const scene = await begin();
  const { issuer, judge } = scene;
  const answers: (() => Response | Promise<Response>)[] = [
    () => Promise.reject(new TypeError("fetch failed")),
    () => problem("issuer_unavailable", 503),
    () => problem("window_invalid", 401, { server_time: NOW }),
    () => new Response("taken", { status: 200 }),
    () => new Response(null, { status: 204 }),
    () => new Response(null, { status: 204 }),
  ];
  const count = answers.length;
  const good = issuer.take;
  issuer.take = () => (answers.shift() ?? good)();
  for (let i = 0; i < count; i += 1) {
    assert.equal(await judge(BEARER), "accepted");
    await settle();
    pass(10_001);
  }
  const sequences = issuer.reports.map(({ sequence }) => sequence);
  assert.deepEqual(sequences, [1, 1, 1, 1, 1, 2]);
  const uses = issuer.reports.map(({ counts }) => counts.reduce((sum, { count }) => sum + count, 0));
  assert.deepEqual(uses, [1, 1, 1, 1, 1, 5]);
});
