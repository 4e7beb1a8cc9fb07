// Writes a WebAssembly module as text, for js/module-text.ts to read: printable ASCII without anything that means something in a
// script, in HTML or to a minifier. The 87 most frequent bytes are one character each, themselves where they can; all others two.
// After brotli it is as small as the file itself, which base64, deflated before or not, is not.

const MEANINGFUL = `"$'<\\\``;
const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter((one) => !MEANINGFUL.includes(one));
const [singles, escapes] = [printable.slice(0, -2), printable.slice(-2)];

/** The codes of all bytes, and then those of the module's. */
export function toText(bytes) {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]++;
  const byFrequency = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const frequent = new Set(byFrequency.slice(0, singles.length));
  const codes = new Array(256);
  const free = new Set(singles);
  for (const byte of frequent) {
    const itself = String.fromCharCode(byte);
    if (free.delete(itself)) codes[byte] = itself;
  }
  const [single, pair] = [free.values(), pairs()];
  for (const byte of byFrequency) if (frequent.has(byte)) codes[byte] ??= single.next().value;
  for (let byte = 0; byte < 256; byte++) codes[byte] ??= pair.next().value;
  return codes.join("") + Array.from(bytes, (byte) => codes[byte]).join("");
}

function* pairs() {
  for (const escape of escapes) for (const one of printable) yield escape + one;
}
