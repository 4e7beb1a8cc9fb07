// DESIGN 4.2: session tokens, each rule with tokens that are accepted and tokens that are refused.

import { base64url, jws, keyPair, typeId } from "./primitives.mjs";

export const NOW = 1_760_000_000;
export const ISSUER = "https://keys.example.com";
export const AUDIENCE = "https://api.example.com";
export const PAGE = "https://shop.example";
export const issuerKey = keyPair(1);
export const browserKey = keyPair(2);
const strangerKey = keyPair(3);

const id = (prefix, byte) => typeId(prefix, Buffer.from([1, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, ...Array(7).fill(byte)]));

export const claims = {
  iss: ISSUER,
  aud: [AUDIENCE],
  sub: id("key", 1),
  client_id: id("key", 1),
  iat: NOW - 10,
  exp: NOW + 290,
  jti: id("ses", 2),
  scope: "pictures:read pictures:write",
  cnf: { jkt: browserKey.thumbprint },
  doorkey: { org: id("org", 3), workspace: id("wsp", 4), env: "test", origin: PAGE },
};

const header = { alg: "EdDSA", typ: "at+jwt", kid: issuerKey.thumbprint };
export const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([member]) => member !== name));

/** A token; `payload` and `head` may be objects or the exact text. */
export function token(payload = claims, head = header, key = issuerKey) {
  const text = (part) => (typeof part === "string" ? part : JSON.stringify(part));
  return jws(text(head), text(payload), key);
}

export function tokens() {
  const good = token();
  const [h, p, s] = good.split(".");
  const text = JSON.stringify(claims);
  const accepted = [
    { name: "as issued", token: good },
    { name: "alg Ed25519", token: token(claims, { ...header, alg: "Ed25519" }) },
    { name: "header members in another order", token: token(claims, { kid: header.kid, typ: header.typ, alg: header.alg }) },
    { name: "several audiences", token: token({ ...claims, aud: ["https://other.example", AUDIENCE] }) },
    { name: "a key of the organization has no workspace", token: token({ ...claims, doorkey: without(claims.doorkey, "workspace") }) },
    { name: "an end user as subject", token: token({ ...claims, sub: "user-42" }) },
    { name: "no scopes", token: token({ ...claims, scope: "" }) },
    { name: "a scope narrowed to a resource", token: token({ ...claims, scope: "pictures:read/holidays" }) },
    { name: "issued ahead, within the skew", token: token({ ...claims, iat: NOW + 30 }) },
    { name: "expires in one second", token: token({ ...claims, exp: NOW + 1 }) },
    { name: "lives for 600 seconds", token: token({ ...claims, iat: NOW - 1, exp: NOW + 599 }) },
    { name: "a claim that nobody knows", token: token({ ...claims, "example:new": 1 }) },
  ];
  const lastBits = (part) => part.slice(0, -1) + String.fromCharCode(part.charCodeAt(part.length - 1) + 1);
  const refused = [
    ...["crit", "b64", "jwk", "jku", "x5c", "x5t#S256", "zip", "cty", "unheard-of"].map((member) => ({
      name: `header member ${member}`,
      token: token(claims, { ...header, [member]: member === "crit" ? ["exp"] : member }),
      code: "token_invalid",
    })),
    ...["none", "HS256", "ES256", "RS256", "eddsa", ""].map((alg) => ({
      name: `alg ${alg || "empty"}`,
      token: token(claims, { ...header, alg }),
      code: "token_invalid",
    })),
    { name: "typ JWT", token: token(claims, { ...header, typ: "JWT" }), code: "token_invalid" },
    { name: "typ of a mint", token: token(claims, { ...header, typ: "doorkey-mint+jwt" }), code: "token_invalid" },
    { name: "kid is not a thumbprint", token: token(claims, { ...header, kid: "../../etc/passwd" }), code: "token_invalid" },
    { name: "kid of another key", token: token(claims, { ...header, kid: strangerKey.thumbprint }), code: "token_invalid" },
    { name: "signed by another key", token: token(claims, header, strangerKey), code: "token_invalid" },
    { name: "payload of another token", token: `${h}.${base64url(text.replace("pictures:read", "pictures:rule"))}.${s}`, code: "token_invalid" },
    { name: "another issuer", token: token({ ...claims, iss: "https://evil.example" }), code: "token_invalid" },
    { name: "issuer with a slash at the end", token: token({ ...claims, iss: `${ISSUER}/` }), code: "token_invalid" },
    { name: "another audience", token: token({ ...claims, aud: ["https://other.example"] }), code: "token_invalid" },
    { name: "no audience", token: token({ ...claims, aud: [] }), code: "token_invalid" },
    { name: "issued too far ahead", token: token({ ...claims, iat: NOW + 31 }), code: "token_invalid" },
    { name: "lives for 601 seconds", token: token({ ...claims, iat: NOW - 1, exp: NOW + 600 }), code: "token_invalid" },
    { name: "expires before it is issued", token: token({ ...claims, iat: NOW + 20, exp: NOW + 10 }), code: "token_invalid" },
    { name: "expires this very second", token: token({ ...claims, exp: NOW }), code: "token_expired" },
    { name: "expired long ago", token: token({ ...claims, iat: NOW - 9000, exp: NOW - 8700 }), code: "token_expired" },
    { name: "empty", token: "", code: "malformed_token" },
    { name: "two parts", token: `${h}.${p}`, code: "malformed_token" },
    { name: "four parts", token: `${good}.`, code: "malformed_token" },
    { name: "empty signature", token: `${h}.${p}.`, code: "malformed_token" },
    { name: "padded", token: `${h}=.${p}.${s}`, code: "malformed_token" },
    { name: "non-canonical last bits", token: `${h}.${p}.${lastBits(s)}`, code: "malformed_token" },
    { name: "base64 instead of base64url", token: `${h}.${p}.${s.slice(0, 10)}+${s.slice(11)}`, code: "malformed_token" },
    { name: "a space at the end", token: `${good} `, code: "malformed_token" },
    { name: "more than 4096 bytes", token: token({ ...claims, sub: "x".repeat(4096) }), code: "malformed_token" },
    { name: "payload is not JSON", token: token("claims"), code: "malformed_token" },
    { name: "payload is an array", token: token("[]"), code: "malformed_token" },
    { name: "a duplicate claim", token: token(text.replace('{"iss"', '{"exp":1,"iss"')), code: "malformed_token" },
    { name: "a duplicate claim, escaped", token: token(text.replace('{"iss"', '{"\\u0065xp":1,"iss"')), code: "malformed_token" },
    { name: "a duplicate member deep inside", token: token(text.replace('{"jkt"', '{"jkt":"x","jkt"')), code: "malformed_token" },
    { name: "a duplicate header member", token: token(claims, JSON.stringify(header).replace('{"alg"', '{"alg":"none","alg"')), code: "malformed_token" },
    { name: "exp as text", token: token({ ...claims, exp: String(claims.exp) }), code: "malformed_token" },
    { name: "exp with a fraction", token: token(text.replace(`"exp":${claims.exp}`, `"exp":${claims.exp}.0`)), code: "malformed_token" },
    { name: "exp with an exponent", token: token(text.replace(`"exp":${claims.exp}`, '"exp":2e9')), code: "malformed_token" },
    { name: "negative iat", token: token({ ...claims, iat: -1 }), code: "malformed_token" },
    { name: "aud as text", token: token({ ...claims, aud: AUDIENCE }), code: "malformed_token" },
    { name: "jkt is not a thumbprint", token: token({ ...claims, cnf: { jkt: "x" } }), code: "malformed_token" },
    { name: "jti is no session id", token: token({ ...claims, jti: "1" }), code: "malformed_token" },
    { name: "client_id is no key id", token: token({ ...claims, client_id: claims.jti }), code: "malformed_token" },
    { name: "scope is no scope", token: token({ ...claims, scope: "*" }), code: "malformed_token" },
    { name: "an unknown environment", token: token({ ...claims, doorkey: { ...claims.doorkey, env: "prod" } }), code: "malformed_token" },
    { name: "origin null", token: token({ ...claims, doorkey: { ...claims.doorkey, origin: "null" } }), code: "malformed_token" },
    ...Object.keys(claims).map((name) => ({ name: `without ${name}`, token: token(without(claims, name)), code: "malformed_token" })),
    ...Object.keys(header).map((name) => ({ name: `header without ${name}`, token: token(claims, without(header, name)), code: "malformed_token" })),
  ];
  return { now: NOW, skew: 30, issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: issuerKey.x }] }, accepted, refused };
}
