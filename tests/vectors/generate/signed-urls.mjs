// DESIGN 4.3, "Signed URLs": whole requests, each rule with URLs that are accepted and URLs that are refused.
// Shape: { now, skew, issuer, audience, jwks } judge all; vectors { name, code, before?, request: { method, target, headers, body? }, bare_target? }.

import { base64url, keyPair } from "./primitives.mjs";
import { BODY, addHeader, basic, freshNonce, nonCanonicalS, signed as signedRequest } from "./requests.mjs";
import { AUDIENCE, ISSUER, NOW, PAGE, browserKey, claims, issuerKey, token } from "./tokens.mjs";

const strangerKey = keyPair(3);

/** A request for a signed URL. Everything can be bent: what is signed by the named options, what is sent by `tamper`. */
function url(options = {}) {
  const {
    target = "/pictures/1?size=2", authority = "api.example.com", method = "GET", jwt = token(), created = NOW - 1, expires = NOW + 299,
    nonce = freshNonce(), key = browserKey, keyid = key.x, tag = "doorkey-url", signedMethod = "GET", parameters = (list) => list,
    signature = (bytes) => bytes, tamper = (text) => text, origin = null, headers = [], body,
  } = options;
  const own = parameters([["dk-token", jwt], ["dk-created", created], ["dk-expires", expires], ["dk-nonce", nonce], ["dk-key", keyid]]);
  const separator = target.includes("?") ? (target.endsWith("?") ? "" : "&") : "?";
  const unsigned = `${target}${separator}${own.map(([name, value]) => `${name}=${value}`).join("&")}`;
  const at = unsigned.indexOf("?");
  const params = `("@method" "@authority" "@path" "@query");created=${created};expires=${expires};nonce="${nonce}";keyid="${keyid}";tag="${tag}"`;
  const base = [`"@method": ${signedMethod}`, `"@authority": ${authority}`, `"@path": ${unsigned.slice(0, at)}`, `"@query": ${unsigned.slice(at)}`,
    `"@signature-params": ${params}`].join("\n");
  const bytes = signature(key.sign(base));
  return {
    method, target: tamper(`${unsigned}&dk-sig=${base64url(bytes)}`),
    headers: [["host", "api.example.com"], ...(origin === null ? [] : [["origin", origin]]), ...headers], ...(body === undefined ? {} : { body }),
  };
}

const swap = (a, b) => (list) => {
  const copy = [...list];
  [copy[a], copy[b]] = [copy[b], copy[a]];
  return copy;
};
const nextLetter = (text) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);

function accepted() {
  const cases = {
    "behind a query": [url(), "/pictures/1?size=2"],
    "without a query": [url({ target: "/pictures/1" }), "/pictures/1"],
    "behind an empty query": [url({ target: "/pictures/1?" }), "/pictures/1"],
    "behind a query that ends in an ampersand": [url({ target: "/p?a=b&" }), "/p?a=b&"],
    "beside parameters with similar names": [url({ target: "/p?dk=1&xdk-sig=2&DK-SIG=3" }), "/p?dk=1&xdk-sig=2&DK-SIG=3"],
    "with an encoded slash": [url({ target: "/a%2Fb" }), "/a%2Fb"],
    "with a question mark in the query": [url({ target: "/p?a=?b" }), "/p?a=?b"],
    "from its own origin": [url({ origin: PAGE }), "/pictures/1?size=2"],
    "valid for 300 seconds": [url({ created: NOW, expires: NOW + 300 }), "/pictures/1?size=2"],
    "created ahead, within the skew": [url({ created: NOW + 30, expires: NOW + 31 }), "/pictures/1?size=2"],
    "expired within the skew": [url({ created: NOW - 329, expires: NOW - 29 }), "/pictures/1?size=2"],
  };
  return Object.entries(cases).map(([name, [request, bare_target]]) => ({ name, code: "accepted", request, bare_target }));
}

function refused() {
  const list = (code, cases) => Object.entries(cases).map(([name, request]) => ({ name, code, request }));
  const replay = url();
  return [
    ...list("malformed_signature", {
      "no token": url({ parameters: (own) => own.slice(1) }),
      "no nonce": url({ parameters: (own) => own.filter(([name]) => name !== "dk-nonce") }),
      "no signature": url({ tamper: (text) => text.slice(0, text.indexOf("&dk-sig=")) }),
      "a signature alone": url({ parameters: () => [] }),
      "a parameter behind the signature": url({ tamper: (text) => `${text}&utm=1` }),
      "an ampersand behind the signature": url({ tamper: (text) => `${text}&` }),
      "a parameter between the others": url({ parameters: (own) => [own[0], ["a", "b"], ...own.slice(1)] }),
      "another order": url({ parameters: swap(1, 2) }),
      "the token last": url({ parameters: (own) => [...own.slice(1), own[0]] }),
      "the token twice": url({ target: "/p?dk-token=a.b.c" }),
      "the signature twice": url({ tamper: (text) => text + text.slice(text.indexOf("&dk-sig=")) }),
      "a parameter of ours that nobody knows": url({ target: "/p?dk-extra=1" }),
      "a parameter of ours without a value": url({ target: "/p?dk-" }),
      "a name in upper case": url({ parameters: (own) => own.map(([name, value]) => [name === "dk-nonce" ? "DK-NONCE" : name, value]) }),
      "an encoded name": url({ parameters: (own) => own.map(([name, value]) => [name === "dk-nonce" ? "dk%2Dnonce" : name, value]) }),
      "an empty token": url({ jwt: "" }),
      "a token with an encoded dot": url({ jwt: token().replace(".", "%2E") }),
      "created with a leading zero": url({ created: `0${NOW}` }),
      "created with a sign": url({ created: `+${NOW}` }),
      "created with a fraction": url({ created: `${NOW}.0` }),
      "negative created": url({ created: -1 }),
      "created of 16 digits": url({ created: "1000000000000000", expires: "1000000000000001" }),
      "expires in hexadecimal": url({ expires: `0x${NOW.toString(16)}` }),
      "a short nonce": url({ nonce: "AAAA" }),
      "a long nonce": url({ nonce: `${freshNonce()}AAAA` }),
      "a nonce outside base64url": url({ nonce: `${freshNonce().slice(1)}+` }),
      "an encoded nonce": url({ nonce: `${freshNonce().slice(1)}%41` }),
      "a padded key": url({ keyid: `${browserKey.x}=` }),
      "a key with idle bits": url({ keyid: nextLetter(browserKey.x) }),
      "a key of an id": url({ keyid: claims.client_id }),
      "a padded signature": url({ tamper: (text) => `${text}==` }),
      "a signature of 63 bytes": url({ signature: (bytes) => bytes.subarray(1) }),
      "a signature with idle bits": url({ tamper: (text) => nextLetter(text) }),
      "a signature in base64": url({ tamper: (text) => text.replace(/.$/, "+") }),
    }),
    ...list("malformed_request", {
      "a dot segment": url({ target: "/a/../b" }),
      "a fragment": url({ tamper: (text) => `${text}#top` }),
    }),
    ...list("window_invalid", {
      "expires with created": url({ created: NOW, expires: NOW }),
      "expires before created": url({ created: NOW, expires: NOW - 1 }),
      "valid for 301 seconds": url({ created: NOW, expires: NOW + 301 }),
      "created too far ahead": url({ created: NOW + 31, expires: NOW + 60 }),
      "expired beyond the skew": url({ created: NOW - 330, expires: NOW - 30 }),
    }),
    ...list("signature_invalid", {
      "key of the session, signed by another key": url({ key: strangerKey, keyid: browserKey.x }),
      "one bit of the signature": url({ signature: (bytes) => Buffer.from(bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte))) }),
      "S that is not canonical": url({ signature: nonCanonicalS }),
      "the tag of a proof": url({ tag: "doorkey" }),
      "signed for another method": url({ signedMethod: "POST" }),
      "another path": url({ tamper: (text) => text.replace("/pictures/1", "/pictures/2") }),
      "another query": url({ tamper: (text) => text.replace("size=2", "size=3") }),
      "the query taken off": url({ tamper: (text) => text.replace("size=2&", "") }),
      "a query put in": url({ target: "/p", tamper: (text) => text.replace("?", "?admin=1&") }),
      "an empty parameter put in": url({ target: "/p", tamper: (text) => text.replace("?", "?&") }),
      "another token of the same session": url({ tamper: (text) => text.replace(token(), token({ ...claims, iat: claims.iat - 1 })) }),
      "another nonce": url({ nonce: "BQUFBQUFBQUFBQUF__AAAAAC", tamper: (text) => text.replace("__AAAAAC", "__AAAAAD") }),
      "a longer life": url({ tamper: (text) => text.replace(`dk-expires=${NOW + 299}`, `dk-expires=${NOW + 298}`) }),
      "another authority": url({ authority: "evil.example" }),
      "a POST of the URL": url({ method: "POST" }),
      "a HEAD of the URL": url({ method: "HEAD" }),
    }),
    ...list("key_mismatch", { "another key": url({ key: strangerKey }), "a weak key": url({ keyid: base64url(Buffer.alloc(32)) }) }),
    ...list("malformed_token", { "a cut-off token": url({ jwt: token().slice(0, -1) }) }),
    ...list("token_expired", { "an expired token": url({ jwt: token({ ...claims, exp: NOW }) }) }),
    ...list("token_invalid", { "a token for another API": url({ jwt: token({ ...claims, aud: ["https://other.example"] }) }) }),
    ...list("origin_not_allowed", { "from another origin": url({ origin: "https://evil.example" }) }),
    ...list("components_incomplete", { "with a body": url({ body: BODY }) }),
    ...list("multiple_credentials", {
      "beside a session token": url({ headers: [["authorization", `Doorkey ${token()}`]] }),
      "beside basic credentials": url({ headers: [["authorization", basic("user:password")]] }),
      "beside a proof": addSignature(url()),
      "beside a DPoP proof": addHeader("dpop", "a.b.c")(url()),
    }),
    { name: "the same URL twice", code: "replayed", before: [replay], request: replay },
    {
      name: "a URL that never verified marks nothing", code: "accepted", bare_target: "/pictures/1?size=2",
      before: [url({ nonce: "BQUFBQUFBQUFBQUF__AAAAAE", key: strangerKey, keyid: browserKey.x })], request: url({ nonce: "BQUFBQUFBQUFBQUF__AAAAAE" }),
    },
  ];
}

/** The signature headers of a signed request, without its Authorization. */
function addSignature(request) {
  const headers = signedRequest({ target: request.target }).headers.filter(([name]) => name.startsWith("signature"));
  return { ...request, headers: [...request.headers, ...headers] };
}

export function signedUrls() {
  return { now: NOW, skew: 30, issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: issuerKey.x }] }, vectors: [...accepted(), ...refused()] };
}
