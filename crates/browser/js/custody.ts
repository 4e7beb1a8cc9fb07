import type { Core } from "../dist/doorkey_browser.js";
import { INSECURE_TRANSPORT, INVALID_INPUT } from "./error-code.js";
import { refusal } from "./error.js";
import type { Custody, Session } from "./types.js";

/** The private half of a client's key pair. */
export interface Signer {
  custody: Session["custody"];
  /** Signs; yields nothing where the key is in Rust and signs there. */
  sign(message: string): Promise<Uint8Array>;
}

/** Makes the key pair of a client and tells Rust its public half. */
export async function makeSigner(core: Core, custody: Custody): Promise<Signer> {
  if (custody !== "wasm") {
    try {
      return await makeWebCryptoSigner(core);
    } catch (cause) {
      if (custody === "webcrypto") throw noWebCrypto(cause);
    }
  }
  core.makeKey();
  return { custody: "wasm", sign: async () => new Uint8Array() };
}

async function makeWebCryptoSigner(core: Core): Promise<Signer> {
  const { subtle } = crypto;
  const { privateKey, publicKey } = (await subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  core.usePublicKey(new Uint8Array(await subtle.exportKey("raw", publicKey)));
  return {
    custody: "webcrypto",
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
