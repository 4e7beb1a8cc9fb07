// What a signer has to produce, byte for byte: proofs (DESIGN 4.3) and the mint (4.1) of a given key, nonce and time.

import { base64url, jws, keyPair, sha256 } from "./primitives.mjs";

const key = keyPair(2);
const NOW = 1_760_000_000;

function proof(name, { method, url, contentType, body }) {
  const { host, pathname, search } = new URL(url);
  const nonceBytes = Buffer.alloc(18, 5);
  nonceBytes.writeUIntBE(7, 12, 6);
  const authorization = "Doorkey aaa.bbb.ccc";
  const digest = body === undefined ? undefined : `sha-256=:${sha256(body).toString("base64")}:`;
  const values = [["@method", method], ["@authority", host], ["@path", pathname], ["@query", search || "?"], ["authorization", authorization],
    ...(body === undefined ? [] : [["content-type", contentType], ["content-digest", digest]])];
  const params = `(${values.map(([component]) => `"${component}"`).join(" ")});created=${NOW};expires=${NOW + 60};nonce="${base64url(nonceBytes)}";keyid="${key.x}";tag="doorkey"`;
  const base = [...values.map(([component, value]) => `"${component}": ${value}`), `"@signature-params": ${params}`].join("\n");
  return {
    name, method, url, authorization, ...(body === undefined ? {} : { content_type: contentType, body, content_digest: digest }),
    base, signature_input: `dk=${params}`, signature: `dk=:${key.sign(base).toString("base64")}:`,
  };
}

export function signing() {
  const header = { alg: "EdDSA", typ: "doorkey-mint+jwt", jwk: { kty: "OKP", crv: "Ed25519", x: key.x } };
  const claims = { iat: NOW, publishable_key: "pk_test_\"x\"", aud: "http://localhost:7700/v1/sessions", jti: "AAECAwQFBgc" };
  return {
    seed: key.seed.toString("hex"), x: key.x, jkt: key.thumbprint, created: NOW, lifetime: 60, stream: "05".repeat(12), counter: 7,
    proofs: [
      proof("no body", { method: "GET", url: "https://api.example.com/pictures" }),
      proof("a query", { method: "GET", url: "https://api.example.com/pictures?limit=10&q=%27x%27" }),
      proof("a port and a body", { method: "POST", url: "http://localhost:7701/pictures", contentType: "application/json", body: '{"hello": "world"}' }),
      proof("a body that is not ASCII", { method: "PUT", url: "https://api.example.com/p%C3%A4", contentType: "text/plain;charset=UTF-8", body: "h\u00e4" }),
    ],
    mint: { claims, jws: jws(JSON.stringify(header), JSON.stringify(claims), key) },
  };
}
