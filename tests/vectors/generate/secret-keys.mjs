// DESIGN 4.4: requests of servers, with a secret key as a bearer, as a Basic user name, or signing.
// Shape: { now, skew, audience } judge all and keys { key_id, x, environment } are all there are; vectors { name, code, before?, request }.

import { id, keyStrings, seal } from "./key-strings.mjs";
import { keyPair, typeId } from "./primitives.mjs";
import { BODY, COMPONENTS, addHeader, basic, contentDigest, nonCanonicalS, setHeader, signed } from "./requests.mjs";
import { AUDIENCE, NOW, PAGE, browserKey, token } from "./tokens.mjs";

const key = keyPair(9);
const strangerKey = keyPair(3);
const keyid = typeId("key", id);
const unknownId = Buffer.from(id.map((byte, i) => (i === 15 ? byte ^ 1 : byte)));
const text = seal("sk_live_", [id, key.seed]);
const credential = seal("vk_", [id, key.seed, Buffer.from("localhost:7700")]);
const publishable = keyStrings().accepted.find((vector) => vector.kind === "pk").text;

const OF_KEY = COMPONENTS.slice(0, 4);
const OF_BODY = ["content-type", "content-digest"];

/** A request that carries `authorization` and no signature. */
const plain = (authorization, more = []) => ({
  method: "GET", target: "/pictures?limit=10", headers: [["host", "api.example.com"], ["authorization", authorization], ...more],
});

/** A request that the secret key signs. */
const by = (options = {}) =>
  signed({ key, keyid, authorization: null, origin: null, components: options.body === undefined ? OF_KEY : [...OF_KEY, ...OF_BODY], ...options });

function accepted() {
  const cases = {
    "as a bearer": plain(`Bearer ${text}`),
    "as a bearer, the scheme in lower case": plain(`bearer ${text}`),
    "as a basic user name with an empty password": plain(basic(`${text}:`)),
    "signed, without a body": by(),
    "signed, with a body": by({ body: BODY }),
    "signed, without a query": by({ target: "/pictures" }),
    "signed, with alg": by({ extra: [["alg", "ed25519"]] }),
    "signed, parameters in another order": by({ order: (parameters) => parameters.toReversed() }),
    "signed, another label": by({ label: "sig1" }),
    "signed, valid for 60 seconds": by({ created: NOW, expires: NOW + 60 }),
  };
  return Object.entries(cases).map(([name, request]) => ({ name, code: "accepted", request }));
}

function refused() {
  const list = (code, cases) => Object.entries(cases).map(([name, request]) => ({ name, code, request }));
  const replay = by();
  return [
    ...list("malformed_key", {
      "a bearer with a typo": plain(`Bearer ${text.slice(0, -1)}`),
      "a bearer with a brand put in front": plain(`Bearer acme_${text}`),
      "live written as test": plain(`Bearer ${text.replace("_live_", "_test_")}`),
      "a basic user name with a typo": plain(basic(`${text.slice(0, -1)}:`)),
    }),
    ...list("wrong_key_kind", {
      "a publishable key as a bearer": plain(`Bearer ${publishable}`),
      "a publishable key as a basic user name": plain(basic(`${publishable}:`)),
      "a verifier's credential as a bearer": plain(`Bearer ${credential}`),
      "a verifier's credential as a basic user name": plain(basic(`${credential}:`)),
    }),
    ...list("credential_missing", {
      "a bearer with nothing behind it": plain("Bearer"),
      "a bearer with a space behind it": plain("Bearer "),
      "a basic password that is the key": plain(basic(`:${text}`)),
      "a basic password that is the key, behind a user name": plain(basic(`api:${text}`)),
    }),
    ...list("key_unknown", {
      "a bearer of an id that nobody has": plain(`Bearer ${seal("sk_live_", [unknownId, key.seed])}`),
      "a bearer of a known id with another seed": plain(`Bearer ${seal("sk_live_", [id, strangerKey.seed])}`),
      "signed by an id that nobody has": by({ keyid: typeId("key", unknownId) }),
    }),
    ...list("secret_key_in_browser", {
      "a bearer with an origin": plain(`Bearer ${text}`, [["origin", PAGE]]),
      "a basic user name with an origin": plain(basic(`${text}:`), [["origin", PAGE]]),
      "signed, with an origin": by({ origin: PAGE }),
    }),
    ...list("multiple_credentials", {
      "two authorization headers": plain(`Bearer ${text}`, [["authorization", `Bearer ${text}`]]),
      "signed, beside a bearer": by({ tamper: addHeader("authorization", `Bearer ${text}`) }),
      "signed, beside a session token": by({ tamper: addHeader("authorization", `Doorkey ${token()}`) }),
      "signed, beside a DPoP proof": by({ tamper: addHeader("dpop", "a.b.c") }),
      "a signed URL beside a bearer": { ...plain(`Bearer ${text}`), target: "/pictures?dk-token=a.b.c&dk-sig=AA" },
    }),
    ...list("malformed_signature", {
      "an id in upper case": by({ keyid: keyid.toUpperCase() }),
      "an id of another kind": by({ keyid: typeId("org", id) }),
      "an id without its prefix": by({ keyid: keyid.slice(4) }),
      "an id above 128 bits": by({ keyid: keyid.replace("key_0", "key_8") }),
      "an id cut off": by({ keyid: keyid.slice(0, -1) }),
      "a public key with padding": by({ keyid: `${key.x}=` }),
      "two signatures with the tag": by({ tamper: (r) => setHeader("signature", (old) => `${old}, two=:AA==:`)(setHeader("signature-input", (old) => `${old}, two=${old.slice(3)}`)(r)) }),
      "no nonce": by({ nonce: null }),
      "a short nonce": by({ nonce: "AAAA" }),
      "an unknown parameter": by({ extra: [["foo", "bar"]] }),
    }),
    ...list("components_incomplete", {
      "nothing is covered": by({ components: [] }),
      "the query is not covered": by({ components: OF_KEY.filter((name) => name !== "@query") }),
      "another order": by({ components: ["@authority", "@method", ...OF_KEY.slice(2)] }),
      "an authorization that is not there is covered": by({ components: COMPONENTS }),
      "an authorization beside a body is covered": by({ body: BODY, components: [...COMPONENTS, ...OF_BODY] }),
      "one more component": by({ components: [...OF_KEY, "x-extra"], tamper: addHeader("x-extra", "1") }),
      "the digest is covered without the type": by({ body: BODY, components: [...OF_KEY, "content-digest"] }),
      "a body that is not covered": by({ body: BODY, components: OF_KEY, digest: undefined }),
      "a covered digest that is not sent": by({ body: BODY, tamper: setHeader("content-digest", null) }),
      "an empty body that is covered": by({ body: "" }),
      "a session's key without its authorization": by({ keyid: browserKey.x, key: browserKey }),
    }),
    ...list("window_invalid", {
      "expires with created": by({ created: NOW, expires: NOW }),
      "valid for 61 seconds": by({ created: NOW, expires: NOW + 61 }),
      "created too far ahead": by({ created: NOW + 31, expires: NOW + 60 }),
      "expired beyond the skew": by({ created: NOW - 90, expires: NOW - 30 }),
    }),
    ...list("signature_invalid", {
      "signed by another key": by({ key: strangerKey }),
      "another id in the base than is sent": by({ keyid: typeId("key", unknownId), tamper: setHeader("signature-input", (old) => old.replace(typeId("key", unknownId), keyid)) }),
      "S that is not canonical": by({ signature: nonCanonicalS }),
      "another method": by({ tamper: (r) => ({ ...r, method: "DELETE" }) }),
      "another path": by({ tamper: (r) => ({ ...r, target: "/whoami?limit=10" }) }),
      "another query": by({ tamper: (r) => ({ ...r, target: "/pictures?limit=11" }) }),
      "another authority": by({ authority: "evil.example" }),
      "another content type": by({ body: BODY, tamper: setHeader("content-type", "text/plain") }),
      "another digest": by({ body: BODY, tamper: setHeader("content-digest", contentDigest("x")) }),
    }),
    ...list("digest_mismatch", { "another body": by({ body: BODY, tamper: (r) => ({ ...r, body: `${BODY}\n` }) }) }),
    { name: "the same request twice", code: "replayed", before: [replay], request: replay },
    {
      name: "a signature that never verified marks nothing", code: "accepted",
      before: [by({ nonce: "BQUFBQUFBQUFBQUF__AAAAAF", key: strangerKey })], request: by({ nonce: "BQUFBQUFBQUFBQUF__AAAAAF" }),
    },
  ];
}

export function secretKeys() {
  return { now: NOW, skew: 30, audience: AUDIENCE, keys: [{ key_id: keyid, x: key.x, environment: "live" }], vectors: [...accepted(), ...refused()] };
}
