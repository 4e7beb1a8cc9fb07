/** A WebAssembly module as text, which scripts/build.mjs puts in the place of its name. */
declare module "module:*" {
  const text: string;
  export default text;
}
