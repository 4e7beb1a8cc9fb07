import reader from "bytes:module-text.wasm";

/** Where the reader has its text, and leaves its bytes. */
const START = 512;

interface Reader {
  memory: WebAssembly.Memory;
  decode: (end: number) => number;
}

/**
 * The bytes of a WebAssembly module that the build has written as text (`scripts/module-text.mjs`): first the code of each byte
 * from 0 to 255, then the codes of the module's bytes. A code is one character, or two of which the first is `}` or `~`.
 */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(reader));
  const { memory, decode } = exports as unknown as Reader;
  const end = START + text.length;
  memory.grow(end >> 16);
  new TextEncoder().encodeInto(text, new Uint8Array(memory.buffer, START));
  return new Uint8Array(memory.buffer, START, decode(end));
}

/** Compiles a module that is text; rejects where a Content Security Policy allows no WebAssembly. */
export const compile = async (text: string): Promise<WebAssembly.Module> => WebAssembly.compile(bytesOf(text));
