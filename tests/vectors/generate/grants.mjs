// DESIGN 4.5: grants, each rule with grants that are accepted and grants that are refused.
// Shape: { now, skew, issuer, key: { id, x } } judge all; accepted { name, grant, claims }; refused { name, grant, code }.

import { id } from "./key-strings.mjs";
import { base64url, jws, keyPair, sha256, typeId } from "./primitives.mjs";
import { ISSUER, NOW, without } from "./tokens.mjs";

const key = keyPair(9);
const kid = typeId("key", id);
const header = { alg: "EdDSA", typ: "doorkey-grant+jwt", kid };
const claims = { iat: NOW - 10, exp: NOW + 50, jti: "q83vEjRWeJA", aud: ISSUER };
const bind = { method: "PUT", path: "/pictures/1", content_digest: `sha-256=:${sha256("x").toString("base64")}:`, max_bytes: 1 };

/** A grant; `payload` and `head` may be objects or the exact text. */
function grant(payload = claims, head = header, signer = key) {
  const text = (part) => (typeof part === "string" ? part : JSON.stringify(part));
  return jws(text(head), text(payload), signer);
}

export function grants() {
  const good = grant();
  const [h, p, s] = good.split(".");
  const text = JSON.stringify(claims);
  const bound = (changes) => grant({ ...claims, bind: { ...bind, ...changes } });
  const accepted = Object.entries({
    "the least there can be": claims,
    "everything there can be": { ...claims, sub: "user-42", scope: "pictures:read pictures:write", bind },
    "claims in another order": { aud: claims.aud, jti: claims.jti, exp: claims.exp, iat: claims.iat },
    "no scopes": { ...claims, scope: "" },
    "a scope narrowed to a resource": { ...claims, scope: "pictures:read/holidays" },
    "a subject that is not ASCII": { ...claims, sub: "\u00c5sa" },
    "a subject of 255 characters": { ...claims, sub: "x".repeat(255) },
    "jti of 64 characters": { ...claims, jti: "j_-0".repeat(16) },
    "bound to a method": { ...claims, bind: { method: "DELETE" } },
    "bound to a path": { ...claims, bind: { path: "/a%2Fb" } },
    "bound to no body": { ...claims, bind: { max_bytes: 0 } },
    "lives for 3600 seconds": { ...claims, iat: NOW - 1, exp: NOW + 3599 },
    "signed ahead, within the skew": { ...claims, iat: NOW + 30 },
    "expires in one second": { ...claims, exp: NOW + 1 },
  }).map(([name, payload]) => ({ name, grant: grant(payload), claims: payload }));
  accepted.push({ name: "alg Ed25519", grant: grant(claims, { ...header, alg: "Ed25519" }), claims });
  accepted.push({ name: "header members in another order", grant: grant(claims, { kid, typ: header.typ, alg: header.alg }), claims });
  const refused = Object.entries({
    empty: "",
    "two parts": `${h}.${p}`,
    "four parts": `${good}.`,
    "an empty signature": `${h}.${p}.`,
    padded: `${h}=.${p}.${s}`,
    "a space at the end": `${good} `,
    "more than 4096 bytes": grant({ ...claims, scope: Array.from({ length: 300 }, (_, i) => `pictures:read/${i}`).join(" ") }),
    "payload is not JSON": grant("claims"),
    "a duplicate claim": grant(text.replace('{"iat"', '{"exp":1,"iat"')),
    "a duplicate claim, escaped": grant(text.replace('{"iat"', '{"\\u0065xp":1,"iat"')),
    "a duplicate member deep inside": grant(JSON.stringify({ ...claims, bind }).replace('{"method"', '{"method":"GET","method"')),
    "a duplicate header member": grant(claims, JSON.stringify(header).replace('{"alg"', '{"alg":"none","alg"')),
    ...Object.fromEntries(["crit", "b64", "jwk", "jku", "x5c", "cty"].map((member) => [`header member ${member}`, grant(claims, { ...header, [member]: member })])),
    ...Object.fromEntries(["none", "HS256", "eddsa", ""].map((alg) => [`alg ${alg || "empty"}`, grant(claims, { ...header, alg })])),
    "typ of a token": grant(claims, { ...header, typ: "at+jwt" }),
    "typ of a mint": grant(claims, { ...header, typ: "doorkey-mint+jwt" }),
    "kid of a verifier": grant(claims, { ...header, kid: typeId("ver", id) }),
    "kid in upper case": grant(claims, { ...header, kid: kid.toUpperCase() }),
    "kid is a thumbprint": grant(claims, { ...header, kid: key.thumbprint }),
    "signed by another key": grant(claims, header, keyPair(3)),
    "payload of another grant": `${h}.${base64url(text.replace("q83v", "q83w"))}.${s}`,
    "another issuer": grant({ ...claims, aud: "https://evil.example" }),
    "issuer with a slash at the end": grant({ ...claims, aud: `${ISSUER}/` }),
    "a list of issuers": grant({ ...claims, aud: [ISSUER] }),
    "signed too far ahead": grant({ ...claims, iat: NOW + 31 }),
    "lives for 3601 seconds": grant({ ...claims, iat: NOW - 1, exp: NOW + 3600 }),
    "expires when it is signed": grant({ ...claims, iat: NOW + 10, exp: NOW + 10 }),
    "expires before it is signed": grant({ ...claims, iat: NOW + 20, exp: NOW + 10 }),
    "expires this very second": grant({ ...claims, exp: NOW }),
    "exp as text": grant({ ...claims, exp: String(claims.exp) }),
    "exp with a fraction": grant(text.replace(`"exp":${claims.exp}`, `"exp":${claims.exp}.0`)),
    "negative iat": grant({ ...claims, iat: -1 }),
    "jti is empty": grant({ ...claims, jti: "" }),
    "jti of 65 characters": grant({ ...claims, jti: "j".repeat(65) }),
    "jti with a dot": grant({ ...claims, jti: "a.b" }),
    "an empty subject": grant({ ...claims, sub: "" }),
    "a subject of 256 characters": grant({ ...claims, sub: "x".repeat(256) }),
    "a subject with a space": grant({ ...claims, sub: "a b" }),
    "a subject with a line break": grant({ ...claims, sub: "a\nb" }),
    "a subject that is null": grant({ ...claims, sub: null }),
    "scope is no scope": grant({ ...claims, scope: "*" }),
    "scope as a list": grant({ ...claims, scope: ["pictures:read"] }),
    "scope is null": grant({ ...claims, scope: null }),
    "a claim that nobody knows": grant({ ...claims, nbf: NOW }),
    "bound to nothing": grant({ ...claims, bind: {} }),
    "bind is null": grant({ ...claims, bind: null }),
    "bound to a member that nobody knows": bound({ query: "a=b" }),
    "bound to a method in lower case": bound({ method: "put" }),
    "bound to a method of 33 characters": bound({ method: "M".repeat(33) }),
    "bound to a path with a query": bound({ path: "/pictures?a=b" }),
    "bound to a path with a dot segment": bound({ path: "/a/../b" }),
    "bound to a relative path": bound({ path: "pictures" }),
    "bound to a path of 1025 bytes": bound({ path: `/${"a".repeat(1024)}` }),
    "bound to a digest without its name": bound({ content_digest: sha256("x").toString("base64") }),
    "bound to a size with a fraction": bound({ max_bytes: 1.5 }),
    "bound to a negative size": bound({ max_bytes: -1 }),
    ...Object.fromEntries(Object.keys(claims).map((name) => [`without ${name}`, grant(without(claims, name))])),
    ...Object.fromEntries(Object.keys(header).map((name) => [`header without ${name}`, grant(claims, without(header, name))])),
  }).map(([name, refusedGrant]) => ({ name, grant: refusedGrant, code: "grant_invalid" }));
  return { now: NOW, skew: 30, issuer: ISSUER, key: { id: kid, x: key.x }, accepted, refused };
}
