import { toBase64url } from "./base64url.js";
import { INSECURE_TRANSPORT, INVALID_INPUT } from "./error-code.js";
import { refusal } from "./error.js";
import type { Custody, Session } from "./types.js";

/** The key pair that a client's sessions are bound to. */
export interface KeyPair {
  custody: Session["custody"];
  /** The raw public key. */
  publicKey: Uint8Array;
  /** Signs the UTF-8 of a text. */
  sign: (message: string) => Promise<Uint8Array>;
}

/** The form that a JWK has (RFC 8037). */
export const toX = ({ publicKey }: KeyPair): string => toBase64url(publicKey);

/** Makes a key pair where the option says, or where the browser can; `onWait` as in a mint's options. */
export async function makeKeyPair(
  custody: Custody,
  loadCurve: () => Promise<typeof import("./curve.js")>,
  onWait: () => void,
): Promise<KeyPair> {
  if (custody !== "wasm") {
    try {
      return await makeWebCryptoKeyPair();
    } catch (cause) {
      if (custody === "webcrypto") throw noWebCrypto(cause);
    }
  }
  onWait();
  const { Curve } = await loadCurve();
  const curve = new Curve();
  return { custody: "wasm", publicKey: curve.publicKey(), sign: async (message) => curve.sign(message) };
}

async function makeWebCryptoKeyPair(): Promise<KeyPair> {
  const { subtle } = crypto;
  const { privateKey, publicKey } = (await subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  return {
    custody: "webcrypto",
    publicKey: new Uint8Array(await subtle.exportKey("raw", publicKey)),
    sign: async (message) =>
      new Uint8Array(await subtle.sign("Ed25519", privateKey, new TextEncoder().encode(message))),
  };
}

/**
 * The code says who can mend it: a page that was not loaded over https has no `crypto.subtle` at all, elsewhere the
 * option asks for more than the browser has.
 */
function noWebCrypto(cause: unknown): Error {
  return globalThis.isSecureContext === false
    ? refusal(INSECURE_TRANSPORT, "WebCrypto needs a page that was loaded over https", cause)
    : refusal(INVALID_INPUT, "custody: this browser's WebCrypto has no Ed25519", cause);
}
