/** What a key string says (DESIGN 3); the shared vectors hold it against the parser in Rust. */
export interface KeyString {
  kind: "pk" | "sk";
  /** The issuer's origin; only a publishable key names it. */
  issuer: string | undefined;
}

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const FORM = /^((?:[a-z0-9]{1,16}_)?(pk|sk)_(?:live|test)_)(?!1)([1-9A-HJ-NP-Za-km-z]+)$/;
const LOOPBACK = /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;
/** An address in brackets or labels of DNS, none of them empty, then a port without leading zeros. */
const AUTHORITY =
  /^(?:\[[\da-f:.]+]|(?:(?!-)[a-z\d_-]{1,63}(?<!-)(?:\.(?!:|$)|(?=:|$)))+)(?::[1-9]\d{0,4})?$/;
/** A version, the id of the key, a seed or a host, a checksum. */
const [ID_END, CRC_LENGTH, SEED_LENGTH] = [17, 4, 32];

/** Reads a key string, and finds a typo without asking anybody; `undefined` for what is none. */
export function parseKeyString(text: string): KeyString | undefined {
  const [, prefix = "", kind, body = ""] = (text.length <= 256 && FORM.exec(text)) || [];
  const content = openBody(prefix, body);
  if (!kind || !content) return undefined;
  if (kind === "sk") return content.length === ID_END + SEED_LENGTH ? { kind, issuer: undefined } : undefined;
  const issuer = toOrigin(String.fromCharCode(...content.slice(ID_END)));
  return issuer === undefined ? undefined : { kind: "pk", issuer };
}

/** The bytes of a body whose version and checksum are right, without the checksum. */
export function openBody(prefix: string, body: string): Uint8Array | undefined {
  const bytes = decodeBase58(body);
  const content = bytes.slice(0, -CRC_LENGTH);
  const checksum = new DataView(bytes.buffer).getUint32(Math.max(content.length, 0));
  return bytes[0] === 1 && crc32([...new TextEncoder().encode(prefix), ...content]) === checksum ? content : undefined;
}

/** At least the bytes of a checksum, so that what is too short is refused as wrong. */
function decodeBase58(text: string): Uint8Array {
  let number = 0n;
  for (const character of text) number = number * 58n + BigInt(ALPHABET.indexOf(character));
  const hex = number.toString(16);
  const even = hex.padStart(Math.max(hex.length + (hex.length % 2), CRC_LENGTH * 2), "0");
  return Uint8Array.from(even.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** CRC-32 (IEEE), bit by bit: a key has some sixty bytes. */
function crc32(bytes: number[]): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** `https` is implied, and `http` for loopback hosts; a host in another spelling than its canonical one is none. */
export function toOrigin(authority: string): string | undefined {
  const [scheme, port] = LOOPBACK.test(authority) ? ["http", ":80"] : ["https", ":443"];
  try {
    const { host, origin } = new URL(`${scheme}://${authority}`);
    const isCanonical = host === authority || host + port === authority;
    return isCanonical && AUTHORITY.test(authority) ? origin : undefined;
  } catch {
    return undefined;
  }
}
