// What somebody would write who needs no SDK: a key pair, a mint, one signed GET. Nothing else is handled.
const text = new TextEncoder();
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const base64url = (data) =>
  base64(typeof data === "string" ? text.encode(data) : data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export async function first(publishableKey, issuer, url) {
  const { subtle } = crypto;
  const pair = await subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const x = base64url(await subtle.exportKey("raw", pair.publicKey));
  const sign = (message) => subtle.sign("Ed25519", pair.privateKey, text.encode(message));

  const aud = `${issuer}/v1/sessions`;
  const header = { alg: "EdDSA", typ: "doorkey-mint+jwt", jwk: { kty: "OKP", crv: "Ed25519", x } };
  const jti = base64url(crypto.getRandomValues(new Uint8Array(12)));
  const claims = { publishable_key: publishableKey, aud, iat: Math.floor(Date.now() / 1000), jti };
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  const minted = await fetch(aud, { method: "POST", body: `${input}.${base64url(await sign(input))}`, credentials: "omit" });
  const { token, server_time } = await minted.json();

  const { host, pathname, search } = new URL(url);
  const authorization = `Doorkey ${token}`;
  const created = Math.floor(server_time);
  const nonce = base64url(crypto.getRandomValues(new Uint8Array(18)));
  const covered = `("@method" "@authority" "@path" "@query" "authorization")`;
  const parameters = `${covered};created=${created};expires=${created + 60};nonce="${nonce}";keyid="${x}";tag="doorkey"`;
  const base = [
    `"@method": GET`,
    `"@authority": ${host}`,
    `"@path": ${pathname}`,
    `"@query": ${search || "?"}`,
    `"authorization": ${authorization}`,
    `"@signature-params": ${parameters}`,
  ].join("\n");
  const signature = `dk=:${base64(await sign(base))}:`;
  return fetch(url, { headers: { authorization, signature, "signature-input": `dk=${parameters}` }, credentials: "omit" });
}
