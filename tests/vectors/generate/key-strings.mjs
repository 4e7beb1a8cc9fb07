// DESIGN, "Key strings": each rule with keys that are read and keys that are refused.

import { base58, crc32, typeId } from "./primitives.mjs";

export const id = Buffer.from("01890a5dac96774bbcceb302099a8057", "hex");
const seed = Buffer.alloc(32, 9);

/** A key string around `parts`; `version` and `sum` can be bent. */
export function seal(prefix, parts, { version = 1, sum = (text, body) => crc32(Buffer.concat([Buffer.from(text), body])) } = {}) {
  const body = Buffer.concat([Buffer.from([version]), ...parts]);
  return prefix + base58(Buffer.concat([body, sum(prefix, body)]));
}

const pk = (prefix, issuer, options) => seal(prefix, [id, Buffer.from(issuer)], options);
const sk = (prefix, options) => seal(prefix, [id, seed], options);

export const replaceAt = (text, at, character) => text.slice(0, at) + character + text.slice(at + 1);

export function keyStrings() {
  const key_id = typeId("key", id);
  const plain = pk("pk_test_", "localhost:7700");
  const secret = sk("sk_live_");
  const accepted = [
    { name: "publishable, test, loopback issuer means http", text: plain, kind: "pk", environment: "test", key_id, issuer: "http://localhost:7700" },
    { name: "publishable, live, remote issuer means https", text: pk("pk_live_", "keys.example.com"), kind: "pk", environment: "live", key_id, issuer: "https://keys.example.com" },
    { name: "publishable, issuer with a port", text: pk("pk_live_", "keys.example.com:8443"), kind: "pk", environment: "live", key_id, issuer: "https://keys.example.com:8443" },
    { name: "publishable, IPv6 loopback", text: pk("pk_test_", "[::1]:7700"), kind: "pk", environment: "test", key_id, issuer: "http://[::1]:7700" },
    { name: "publishable with a brand", text: pk("acme1_pk_test_", "localhost:7700"), kind: "pk", environment: "test", brand: "acme1", key_id, issuer: "http://localhost:7700" },
    { name: "a brand may be the text of a kind", text: pk("pk_pk_test_", "localhost:7700"), kind: "pk", environment: "test", brand: "pk", key_id, issuer: "http://localhost:7700" },
    { name: "secret, live", text: secret, kind: "sk", environment: "live", key_id },
    { name: "secret with a brand of 16 characters", text: sk("abcdefghijklmn01_sk_test_"), kind: "sk", environment: "test", brand: "abcdefghijklmn01", key_id },
  ];
  const refused = [
    { name: "empty", kind: "pk", text: "" },
    { name: "no prefix", kind: "pk", text: plain.slice("pk_test_".length) },
    { name: "unknown kind", kind: "pk", text: pk("rk_test_", "localhost:7700") },
    { name: "unknown environment", kind: "pk", text: pk("pk_prod_", "localhost:7700"), offset: 3 },
    { name: "upper-case brand", kind: "pk", text: pk("Acme_pk_test_", "localhost:7700") },
    { name: "brand of 17 characters", kind: "pk", text: pk("abcdefghijklmn012_pk_test_", "localhost:7700") },
    { name: "two brands", kind: "pk", text: pk("a_b_pk_test_", "localhost:7700") },
    { name: "a character outside base58", kind: "pk", text: replaceAt(plain, 20, "0"), offset: 20 },
    { name: "one character changed", kind: "pk", text: replaceAt(plain, 20, plain[20] === "z" ? "y" : "z") },
    { name: "last character cut off", kind: "pk", text: plain.slice(0, -1) },
    { name: "a space at the end", kind: "pk", text: `${plain} ` },
    { name: "test written as live", kind: "pk", text: plain.replace("_test_", "_live_") },
    { name: "a brand put in front", kind: "pk", text: `acme_${plain}` },
    { name: "checksum over the body alone", kind: "pk", text: pk("pk_test_", "localhost:7700", { sum: (_, body) => crc32(body) }) },
    { name: "version 2", kind: "pk", text: pk("pk_test_", "localhost:7700", { version: 2 }) },
    { name: "no issuer", kind: "pk", text: pk("pk_test_", "") },
    { name: "issuer with upper case", kind: "pk", text: pk("pk_test_", "Localhost:7700") },
    { name: "issuer with a path", kind: "pk", text: pk("pk_test_", "localhost:7700/x") },
    { name: "issuer with user information", kind: "pk", text: pk("pk_test_", "user@localhost") },
    { name: "issuer that is not ASCII", kind: "pk", text: pk("pk_test_", "b\u00fccher.example") },
    { name: "body of the checksum alone", kind: "pk", text: seal("pk_test_", []) },
    { name: "longer than 256 characters", kind: "pk", text: pk("pk_test_", `${"a.".repeat(120)}example`) },
    { name: "a secret key where a publishable one belongs", kind: "pk", text: secret, code: "wrong_key_kind" },
    { name: "a publishable key where a secret one belongs", kind: "sk", text: plain, code: "wrong_key_kind" },
    { name: "secret key with a short seed", kind: "sk", text: seal("sk_live_", [id, seed.subarray(1)]) },
    { name: "secret key with a long seed", kind: "sk", text: seal("sk_live_", [id, seed, Buffer.alloc(1)]) },
    { name: "pk written as sk", kind: "sk", text: plain.replace("pk_", "sk_") },
  ].map((vector) => ({ code: "malformed_key", ...vector }));
  return { accepted, refused };
}
