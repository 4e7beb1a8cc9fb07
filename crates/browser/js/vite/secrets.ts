import { openBody, parseKeyString, toOrigin } from "../key-string.js";

/** A secret in a text. `text` is the secret itself, and goes nowhere. */
export interface Secret {
  kind: "secret key" | "verifier credential";
  text: string;
  /** Where it stands, from 1. */
  line: number;
}

// 53 bytes that begin with 1 have 72 digits, whatever the others are; so it does not matter what follows.
const SECRET_KEY = /sk_(?:live|test)_[1-9A-HJ-NP-Za-km-z]{72}/g;
/** A brand, or what in a text may look like one. */
const BRAND = /(?:[a-z0-9]{1,16}_)?$/;
const MAX_BRAND = 17;
const VERIFIER_CREDENTIAL = /vk_(?!1)[1-9A-HJ-NP-Za-km-z]{74,509}/g;
/** A version, an id and a seed; the issuer follows. */
const ISSUER_START = 49;
/** How JavaScript, JSON and HTML spell a character otherwise. */
const ESCAPE = /\\x([0-9a-f]{2})|\\u00([0-9a-f]{2})|\\u\{0*([0-9a-f]{2})\}|&#x0*([0-9a-f]{2});|&#0*([0-9]{2,3});/gi;
const DATA_URL = /;base64,([A-Za-z0-9+/]{64,}={0,2})/g;
/** A source map in a script in a page is the deepest that tools make by themselves. */
const MAX_DEPTH = 3;

/** All secrets of Doorkey in a text, those in escapes and in base64 `data:` URLs included; by checksum, so nothing else. */
export function findSecrets(text: string, depth = 0): Secret[] {
  const plain = text.replace(ESCAPE, unescape);
  const found = [...findSecretKeys(plain), ...findVerifierCredentials(plain)];
  if (depth === MAX_DEPTH) return found;
  for (const { 1: base64 = "", index } of plain.matchAll(DATA_URL)) {
    const inside = findSecrets(Buffer.from(base64, "base64").toString("latin1"), depth + 1);
    found.push(...inside.map((secret) => ({ ...secret, line: lineAt(plain, index) })));
  }
  return found;
}

/** A secret as it may be shown: its kind of prefix and its last four characters. */
export function mask({ text }: Secret): string {
  const prefix = text.slice(0, text.lastIndexOf("_") + 1);
  return `${prefix}…${text.slice(-4)}`;
}

function* findSecretKeys(text: string): Generator<Secret> {
  for (const { 0: key, index } of text.matchAll(SECRET_KEY)) {
    const before = BRAND.exec(text.slice(Math.max(index - MAX_BRAND, 0), index))?.[0] ?? "";
    // A letter ahead of the brand may be the text's own.
    for (let start = 0; start <= before.length; start++) {
      const secret = before.slice(start) + key;
      if (parseKeyString(secret)?.kind === "sk") yield { kind: "secret key", text: secret, line: lineAt(text, index) };
    }
  }
}

function* findVerifierCredentials(text: string): Generator<Secret> {
  for (const { 0: secret, index } of text.matchAll(VERIFIER_CREDENTIAL)) {
    const content = openBody("vk_", secret.slice(3));
    const isOne = content && toOrigin(String.fromCharCode(...content.slice(ISSUER_START)));
    if (isOne) yield { kind: "verifier credential", text: secret, line: lineAt(text, index) };
  }
}

/** Digits, letters and `_` only: a line stays a line. */
function unescape(spelled: string, ...groups: (string | undefined)[]): string {
  const hex = groups.slice(0, 4).find(Boolean);
  const character = String.fromCharCode(hex ? parseInt(hex, 16) : Number(groups[4]));
  return /^\w$/.test(character) ? character : spelled;
}

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
