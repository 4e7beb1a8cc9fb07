import { toBase64, toBase64Url } from "../bytes.ts";

// The attacker's own signer. It shares nothing with the SDK and follows RFC 9421 to the letter: what it makes is
// correct in every way but one, the key.

const COVERED = ["@method", "@authority", "@path", "@query", "authorization"];

/** A GET with a stolen `Authorization` value, signed with a key pair that the attacker made. */
export async function forge(url: string, authorization: string, now: number): Promise<Request> {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const { x = "" } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const created = Math.floor(now / 1000);
  const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(18)));
  const covered = COVERED.map((name) => `"${name}"`).join(" ");
  const input = `(${covered});created=${created};expires=${created + 30};nonce="${nonce}";keyid="${x}";tag="doorkey"`;

  const { host, pathname, search } = new URL(url);
  const values = ["GET", host, pathname, search || "?", authorization];
  const lines = COVERED.map((name, index) => `"${name}": ${values[index]}`);
  const base = [...lines, `"@signature-params": ${input}`].join("\n");
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(base));

  const headers = {
    authorization,
    "signature-input": `dk=${input}`,
    signature: `dk=:${toBase64(new Uint8Array(signature))}:`,
  };
  return new Request(url, { headers });
}
