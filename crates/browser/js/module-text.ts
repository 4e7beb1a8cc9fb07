/**
 * The bytes of a WebAssembly module that the build has written as text (`scripts/module-text.mjs`): first the code of each byte
 * from 0 to 255, then the codes of the module's bytes. A code is one character, or two of which the first is `}` or `~`.
 */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const byteOf = new Uint8Array(384);
  const bytes = new Uint8Array(text.length);
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if (code > 124) code = ((code - 124) << 7) + text.charCodeAt(++at);
    if (count < 256) byteOf[code] = count;
    else bytes[count - 256] = byteOf[code] as number;
    count++;
  }
  return bytes.subarray(0, Math.max(0, count - 256));
}

/** Compiles a module that is text; rejects where a Content Security Policy allows no WebAssembly. */
export const compile = (text: string): Promise<WebAssembly.Module> => WebAssembly.compile(bytesOf(text));
