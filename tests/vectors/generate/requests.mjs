// DESIGN 4.3: whole requests, each rule with requests that are accepted and requests that are refused.

import { keyStrings } from "./key-strings.mjs";
import { base64url, keyPair, sha256 } from "./primitives.mjs";
import { AUDIENCE, ISSUER, NOW, PAGE, browserKey, claims, issuerKey, token } from "./tokens.mjs";

export const BODY = '{"hello": "world"}';
export const COMPONENTS = ["@method", "@authority", "@path", "@query", "authorization"];
const BODY_COMPONENTS = [...COMPONENTS, "content-type", "content-digest"];
const strangerKey = keyPair(3);

const [publishableKey, secretKey] = ["pk", "sk"].map((kind) => keyStrings().accepted.find((vector) => vector.kind === kind).text);
export const basic = (text) => `Basic ${Buffer.from(text).toString("base64")}`;
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const nextLetter = (letter) => BASE64[BASE64.indexOf(letter) + 1];

let counter = 0;
export const freshNonce = () => {
  const bytes = Buffer.alloc(18, 5);
  bytes.writeUIntBE((counter += 1), 12, 6);
  return base64url(bytes);
};

export const contentDigest = (body) => `sha-256=:${sha256(body).toString("base64")}:`;

/** A signed request. Everything can be bent: what is signed by the named options, what is sent by `tamper`. */
export function signed(options = {}) {
  const {
    method = options.body === undefined ? "GET" : "POST", target = "/pictures?limit=10", authority = "api.example.com", body,
    contentType = "application/json", authorization = `Doorkey ${token()}`, key = browserKey, label = "dk", origin = PAGE,
    components = body === undefined ? COMPONENTS : BODY_COMPONENTS, created = NOW - 1, expires = NOW + 59, nonce = freshNonce(),
    keyid = key.x, tag = "doorkey", extra = [], order = (parameters) => parameters, digest = body === undefined ? undefined : contentDigest(body),
    tamper = (request) => request, signature = (bytes) => bytes,
  } = options;
  const [path, ...query] = target.split("?");
  const values = {
    "@method": method, "@authority": authority, "@path": path, "@query": `?${query.join("?")}`, authorization,
    "content-type": contentType, "content-digest": digest, "x-extra": "1",
  };
  const parameters = order([["created", created], ["expires", expires], ["nonce", nonce], ["keyid", keyid], ["tag", tag], ...extra]
    .filter(([, value]) => value !== null));
  const quoted = (value) => (typeof value === "number" ? String(value) : `"${value}"`);
  const list = `(${components.map((name) => (name.includes(";") ? name : `"${name}"`)).join(" ")})`;
  const params = list + parameters.map(([name, value]) => `;${name}=${quoted(value)}`).join("");
  const lines = components.map((name) => `"${name}": ${values[name] ?? ""}`);
  const base = [...lines, `"@signature-params": ${params}`].join("\n");
  const bytes = signature(key.sign(base));
  const headers = [["host", "api.example.com"], ["origin", origin], ["authorization", authorization],
    ["signature-input", `${label}=${params}`], ["signature", `${label}=:${bytes.toString("base64")}:`]].filter(([, value]) => value !== null);
  if (body !== undefined && contentType !== null) headers.push(["content-type", contentType]);
  if (digest !== undefined) headers.push(["content-digest", digest]);
  return tamper({ method, target, headers, ...(body === undefined ? {} : { body }) });
}

export const setHeader = (name, value) => (request) => ({
  ...request,
  headers: value === null ? request.headers.filter(([known]) => known !== name)
    : request.headers.map(([known, old]) => (known === name ? [known, typeof value === "function" ? value(old) : value] : [known, old])),
});
export const addHeader = (name, value) => (request) => ({ ...request, headers: [...request.headers, [name, value]] });

/** S plus the group order: the same signature in a second spelling. */
export function nonCanonicalS(bytes) {
  const order = (1n << 252n) + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString("hex")}`) + order;
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse()]);
}

function refused() {
  const other = (text) => text.slice(0, -2) + (text.at(-2) === "A" ? "B" : "A") + text.at(-1);
  const replay = signed();
  const list = (code, cases) => Object.entries(cases).map(([name, request]) => ({ name, code, request }));
  return [
    ...list("credential_missing", {
      "no authorization": signed({ tamper: setHeader("authorization", null) }),
      "scheme bearer": signed({ authorization: `Bearer ${token()}` }),
      "scheme without a token": signed({ authorization: "Doorkey" }),
      "basic without a key": signed({ authorization: basic("user:password") }),
      "basic that is not base64": signed({ authorization: "Basic !" }),
    }),
    ...list("wrong_key_kind", {
      "a publishable key instead of a token": signed({ authorization: `Doorkey ${publishableKey}` }),
      "a publishable key as a bearer": signed({ authorization: `Bearer ${publishableKey}` }),
      "a secret key where sessions are taken": signed({ authorization: `Bearer ${secretKey}`, origin: null }),
      "a secret key as a basic user name": signed({ authorization: basic(`${secretKey}:`), origin: null }),
    }),
    ...list("malformed_key", {
      "a publishable key with a typo": signed({ authorization: "Doorkey pk_test_abc" }),
      "a secret key with a typo": signed({ authorization: `Bearer ${secretKey.slice(0, -1)}`, origin: null }),
    }),
    ...list("secret_key_in_browser", {
      "a secret key with an origin": signed({ authorization: "Bearer sk_test_abc" }),
      "a secret key with a brand and an origin": signed({ authorization: "Bearer acme_sk_test_abc" }),
      "a secret key as a basic user name, with an origin": signed({ authorization: basic("sk_test_abc:") }),
    }),
    ...list("multiple_credentials", {
      "two authorization headers": signed({ tamper: addHeader("authorization", `Doorkey ${token()}`) }),
      "a DPoP proof beside the signature": signed({ tamper: addHeader("dpop", "a.b.c") }),
      "a signed URL beside the signature": signed({ target: "/pictures?dk-token=a.b.c&dk-sig=AA" }),
    }),
    ...list("malformed_token", { "a cut-off token": signed({ authorization: `Doorkey ${token().slice(0, -1)}` }) }),
    ...list("token_invalid", { "a token for another API": signed({ authorization: `Doorkey ${token({ ...claims, aud: ["https://other.example"] })}` }) }),
    ...list("token_expired", { "an expired token": signed({ authorization: `Doorkey ${token({ ...claims, exp: NOW })}` }) }),
    ...list("proof_missing", {
      "no signature headers": signed({ tamper: (r) => setHeader("signature", null)(setHeader("signature-input", null)(r)) }),
      "no signature": signed({ tamper: setHeader("signature", null) }),
      "no signature-input": signed({ tamper: setHeader("signature-input", null) }),
      "another tag": signed({ tag: "other" }),
      "no tag": signed({ tag: null }),
    }),
    ...list("components_incomplete", {
      "nothing is covered": signed({ components: [] }),
      "the query is not covered": signed({ components: COMPONENTS.filter((name) => name !== "@query") }),
      "authorization is not covered": signed({ components: COMPONENTS.filter((name) => name !== "authorization") }),
      "another order": signed({ components: ["@authority", "@method", ...COMPONENTS.slice(2)] }),
      "one more component": signed({ components: [...COMPONENTS, "x-extra"], tamper: addHeader("x-extra", "1") }),
      "a component twice": signed({ components: ["@method", ...COMPONENTS] }),
      "a component with parameters": signed({ components: ['"@method";req', ...COMPONENTS.slice(1)] }),
      "a body that is not covered": signed({ body: BODY, components: COMPONENTS, digest: undefined }),
      "a digest that is not covered": signed({ body: BODY, components: COMPONENTS }),
      "a covered digest that is not sent": signed({ body: BODY, tamper: setHeader("content-digest", null) }),
      "a covered body without its type": signed({ body: BODY, tamper: setHeader("content-type", null) }),
      "an empty body that is covered": signed({ body: "" }),
    }),
    ...list("malformed_signature", {
      "two signatures with the tag": signed({ tamper: (r) => setHeader("signature", (old) => `${old}, two=:AA==:`)(setHeader("signature-input", (old) => `${old}, two=${old.slice(3)}`)(r)) }),
      "a duplicate label in signature-input": signed({ tamper: setHeader("signature-input", (old) => `${old}, ${old}`) }),
      "a duplicate label in signature": signed({ tamper: setHeader("signature", (old) => `${old}, ${old}`) }),
      "a duplicate label in two lines": signed({ tamper: (r) => addHeader("signature", r.headers.find(([name]) => name === "signature")[1])(r) }),
      "a duplicate parameter": signed({ extra: [["created", NOW]] }),
      "an unknown parameter": signed({ extra: [["foo", "bar"]] }),
      "alg of another algorithm": signed({ extra: [["alg", "hmac-sha256"]] }),
      "no created": signed({ created: null }),
      "no expires": signed({ expires: null }),
      "no nonce": signed({ nonce: null }),
      "no keyid": signed({ keyid: null }),
      "created as text": signed({ created: String(NOW) }),
      "negative created": signed({ created: -1 }),
      "a short nonce": signed({ nonce: "AAAA" }),
      "a long nonce": signed({ nonce: `${freshNonce()}AAAA` }),
      "a nonce outside base64url": signed({ nonce: `${freshNonce().slice(1)}+` }),
      "keyid is a thumbprint with padding": signed({ keyid: `${browserKey.x}=` }),
      "keyid is a path": signed({ keyid: "../../keys/1" }),
      "signature under another label": signed({ tamper: setHeader("signature", (old) => old.replace("dk=", "kd=")) }),
      "a signature of 63 bytes": signed({ signature: (bytes) => bytes.subarray(1) }),
      "a signature without its padding": signed({ tamper: setHeader("signature", (old) => old.replace("==:", ":")) }),
      "a signature with idle bits": signed({ tamper: setHeader("signature", (old) => old.replace(/.==:/, (end) => `${nextLetter(end[0])}==:`)) }),
      "signature is no byte sequence": signed({ tamper: setHeader("signature", "dk=1") }),
      "signature-input is no inner list": signed({ tamper: setHeader("signature-input", 'dk="x"') }),
      "a digest of another algorithm": signed({ body: BODY, digest: "sha-512=:AA==:" }),
      "two digests": signed({ body: BODY, digest: `${contentDigest(BODY)}, sha-512=:AA==:` }),
      "a digest with non-canonical bits": signed({ body: BODY, digest: contentDigest(BODY).replace("PE=:", "PF=:") }),
    }),
    ...list("window_invalid", {
      "expires with created": signed({ created: NOW, expires: NOW }),
      "expires before created": signed({ created: NOW, expires: NOW - 1 }),
      "valid for 61 seconds": signed({ created: NOW, expires: NOW + 61 }),
      "created too far ahead": signed({ created: NOW + 31, expires: NOW + 60 }),
      "expired beyond the skew": signed({ created: NOW - 90, expires: NOW - 30 }),
    }),
    ...list("key_mismatch", {
      "another key": signed({ key: strangerKey }),
      "a weak key": signed({ keyid: base64url(Buffer.alloc(32)) }),
    }),
    ...list("signature_invalid", {
      "keyid of the session, signed by another key": signed({ key: strangerKey, keyid: browserKey.x }),
      "one bit of the signature": signed({ signature: (bytes) => Buffer.from(bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte))) }),
      "S that is not canonical": signed({ signature: nonCanonicalS }),
      "another method": signed({ tamper: (r) => ({ ...r, method: "DELETE" }) }),
      "another path": signed({ tamper: (r) => ({ ...r, target: "/whoami?limit=10" }) }),
      "another query": signed({ tamper: (r) => ({ ...r, target: "/pictures?limit=11" }) }),
      "the query taken off": signed({ tamper: (r) => ({ ...r, target: "/pictures" }) }),
      "the path encoded in another way": signed({ target: "/a%2Fb", tamper: (r) => ({ ...r, target: "/a/b" }) }),
      "another authority": signed({ authority: "evil.example" }),
      "a forwarded authority": signed({ authority: "evil.example", tamper: addHeader("x-forwarded-host", "evil.example") }),
      "another token of the same session": signed({ tamper: setHeader("authorization", `Doorkey ${token({ ...claims, iat: claims.iat - 1 })}`) }),
      "another content type": signed({ body: BODY, tamper: setHeader("content-type", "text/plain") }),
      "another digest": signed({ body: BODY, tamper: setHeader("content-digest", contentDigest("x")) }),
      "parameters in another order than signed": signed({ tamper: setHeader("signature-input", (old) => old.replace(/;created=(\d+);expires=(\d+)/, ";expires=$2;created=$1")) }),
    }),
    ...list("digest_mismatch", {
      "another body": signed({ body: BODY, tamper: (r) => ({ ...r, body: `${BODY}\n` }) }),
      "the body taken off": signed({ body: BODY, tamper: (r) => ({ ...r, body: "" }) }),
      "a digest of another body": signed({ body: BODY, digest: contentDigest("x") }),
    }),
    ...list("malformed_request", {
      "a dot segment": signed({ target: "/a/../b" }),
      "an encoded dot segment": signed({ target: "/a/%2e%2E/b" }),
      "two content types": signed({ body: BODY, tamper: addHeader("content-type", "text/plain") }),
      "two digests in two lines": signed({ body: BODY, tamper: addHeader("content-digest", contentDigest(BODY)) }),
      "two origins": signed({ tamper: addHeader("origin", PAGE) }),
    }),
    ...list("unsupported_encoding", {
      "a transfer encoding besides chunked": signed({ body: BODY, tamper: addHeader("transfer-encoding", "gzip, chunked") }),
      "a content encoding": signed({ body: BODY, tamper: addHeader("content-encoding", "gzip") }),
    }),
    ...list("origin_not_allowed", {
      "another origin": signed({ origin: "https://evil.example" }),
      "origin null": signed({ origin: "null" }),
    }),
    { name: "the same request twice", code: "replayed", before: [replay], request: replay },
    {
      name: "the same nonce in a new request", code: "replayed",
      before: [signed({ nonce: "BQUFBQUFBQUFBQUF__AAAAAA" })], request: signed({ nonce: "BQUFBQUFBQUFBQUF__AAAAAA", target: "/whoami" }),
    },
    { name: "a signature that never verified marks nothing", code: "accepted", before: [signed({ nonce: "BQUFBQUFBQUFBQUF__AAAAAB", signature: (bytes) => Buffer.from(other(bytes.toString("latin1")), "latin1") })], request: signed({ nonce: "BQUFBQUFBQUFBQUF__AAAAAB" }) },
  ];
}

function accepted() {
  const cases = {
    "without a body": signed(),
    "with a body": signed({ body: BODY }),
    "with a body without a type, signed as octets": signed({ body: BODY, contentType: "application/octet-stream" }),
    "without an origin, as same-origin reads are": signed({ origin: null }),
    "with alg": signed({ extra: [["alg", "ed25519"]] }),
    "parameters in another order": signed({ order: (parameters) => parameters.toReversed() }),
    "another label": signed({ label: "sig1" }),
    "beside a signature with another tag": signed({ tamper: (r) => setHeader("signature", (old) => `cdn=:AA==:, ${old}`)(setHeader("signature-input", (old) => `cdn=("x-cdn";req);tag="cdn", ${old}`)(r)) }),
    "without a query": signed({ target: "/pictures" }),
    "with an empty query": signed({ target: "/pictures?" }),
    "with an encoded slash": signed({ target: "/a%2Fb" }),
    "with two slashes": signed({ target: "//a//b" }),
    "with an encoded quote": signed({ target: "/p?q=%27x%27" }),
    "valid for 60 seconds": signed({ created: NOW, expires: NOW + 60 }),
    "created ahead, within the skew": signed({ created: NOW + 30, expires: NOW + 31 }),
    "expired within the skew": signed({ created: NOW - 60, expires: NOW - 29 }),
    "another method": signed({ method: "DELETE" }),
    "a host header that a proxy has changed": signed({ tamper: setHeader("host", "internal:8080") }),
    "a chunked body": signed({ body: BODY, tamper: addHeader("transfer-encoding", "chunked") }),
    "a backslash in the query": signed({ target: "/p?q=a\\b" }),
    "the scheme in lower case": signed({ authorization: `doorkey ${token()}` }),
  };
  return Object.entries(cases).map(([name, request]) => ({ name, code: "accepted", request }));
}

export function requests() {
  return { now: NOW, skew: 30, issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: issuerKey.x }] }, vectors: [...accepted(), ...refused()] };
}
