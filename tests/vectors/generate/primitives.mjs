// What the vectors are made of: Node's own crypto and nothing of Doorkey's, so that they are a second opinion.

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** An Ed25519 key pair from a seed of one repeated byte. */
export function keyPair(byte) {
  const seed = Buffer.alloc(32, byte);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  const thumbprint = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
  return { seed, x, thumbprint, sign: (data) => sign(null, Buffer.from(data), privateKey) };
}

export const base64url = (data) => Buffer.from(data).toString("base64url");

export const sha256 = (data) => createHash("sha256").update(data).digest();

/** A compact JWS over exactly these texts. */
export function jws(header, payload, key) {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${base64url(key.sign(input))}`;
}

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Base58 with the Bitcoin alphabet. */
export function base58(bytes) {
  let value = BigInt(`0x${bytes.toString("hex") || "0"}`);
  let text = "";
  for (; value > 0n; value /= 58n) text = ALPHABET[Number(value % 58n)] + text;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(zeros < 0 ? bytes.length : zeros) + text;
}

/** CRC-32 (IEEE), big-endian. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const out = Buffer.alloc(4);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return out;
}

const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";

/** A TypeID of 16 bytes. */
export function typeId(prefix, bytes) {
  let value = BigInt(`0x${bytes.toString("hex")}`);
  let digits = "";
  for (let place = 0; place < 26; place += 1, value >>= 5n) digits = CROCKFORD[Number(value & 31n)] + digits;
  return `${prefix}_${digits}`;
}
