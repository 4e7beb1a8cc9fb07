/** A WebAssembly module as text, which scripts/build.mjs puts in the place of its name. */
declare module "module:*" {
  const text: string;
  export default text;
}

/** A WebAssembly module as its bytes, likewise. */
declare module "bytes:*" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
