import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createClient, DoorkeyError } from "@doorkey/browser";
import { KEY, publishableKey } from "./world.js";

/** Numbers that look random and are the same each time (xorshift). */
function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
}

/** The code with which a text is refused; `undefined` if it is a key. */
function refused(text: string): string | undefined {
  try {
    createClient({ publishableKey: text });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof DoorkeyError, `${JSON.stringify(text)}: ${String(error)}`);
    assert.ok(text.length < 8 || !error.message.includes(text), "an error does not repeat a key");
    return error.code;
  }
}

interface KeyStrings {
  accepted: { text: string; kind: string }[];
}

const text = readFileSync(new URL("../../../../tests/vectors/key-strings.json", import.meta.url), "utf8");
const KEYS = (JSON.parse(text) as KeyStrings).accepted.filter(({ kind }) => kind === "pk").map((key) => key.text).concat(KEY);

test("ten thousand changed keys are no keys", () => {
  const number = numbers(20261121);
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz_0OIl -\n\u00e9\u{1f30a}";
  const characters = [...alphabet];
  const mutate = (key: string): string => {
    const letters = [...key];
    const at = number(letters.length);
    const other = characters[number(characters.length)]!;
    switch (number(7)) {
      case 0: letters[at] = other; break;
      case 1: letters.splice(at, 1); break;
      case 2: letters.splice(at, 0, other); break;
      case 3: letters.splice(at, letters.length); break;
      case 4: [letters[at], letters[(at + 1) % letters.length]] = [letters[(at + 1) % letters.length]!, letters[at]!]; break;
      case 5: letters.splice(0, at); break;
      default: letters[at] = letters[at] === letters[at]!.toUpperCase() ? letters[at]!.toLowerCase() : letters[at]!.toUpperCase();
    }
    return letters.join("");
  };
  let changed = 0;
  while (changed < 10_000) {
    let key = KEYS[number(KEYS.length)]!;
    for (let times = number(3); times >= 0; times--) key = mutate(key) || KEY;
    if (KEYS.includes(key)) continue;
    assert.ok(["malformed_key", "wrong_key_kind"].includes(refused(key) ?? "accepted"), JSON.stringify(key));
    changed += 1;
  }
  for (const key of KEYS) assert.equal(refused(key), undefined);
});

test("a host in another spelling than its own is no issuer, with a checksum that fits", () => {
  for (const host of ["api.example", "api.example:8443", "localhost", "localhost:7700", "a_b.example", `${"a".repeat(63)}.example`, "127.0.0.1:7700", "[::1]:7700", "xn--bcher-kva.example"]) {
    assert.equal(refused(publishableKey(host)), undefined, host);
  }
  for (const host of [
    "", " ", ":", "API.example", "api.example/", "api.example/a", "api.example?a", "api.example#", "user@api.example", "a b.example",
    "api.example:", "api.example:0x50", "api.example:99999", "api.example:08443", "127.1", "0x7f.0.0.1", "2130706433", "[::0001]",
    "[::1", "b\u00fccher.example", "api\\example", "https://api.example", "api.example\n", "%61pi.example", "[v1.x]", "..", "api.example.", "api..example",
    ".example", "-a.example", "a-.example", "a!b.example", "api.example:0", `${"a".repeat(64)}.example`,
  ]) {
    assert.equal(refused(publishableKey(host)), "malformed_key", JSON.stringify(host));
  }
});
