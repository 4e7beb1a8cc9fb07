/** Bytes, or text as UTF-8, in base64url without padding. */
export function toBase64url(data: Uint8Array | string): string {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  // One by one: as arguments of one call, long ones would overflow the stack.
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
