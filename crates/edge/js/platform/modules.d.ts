// What the bundler makes of the wasm, for each platform.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "#bytes" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

declare module "#platform" {
  export function loadModule(): WebAssembly.Module;
  export const outlivesRequests: boolean;
  export const peerHeader: string | undefined;
  export const defaults: { maxBodiesBytes: number; replayCapacity: number };
}

declare module "#glue" {
  /** wasm-bindgen's JavaScript, anew for each instance: it keeps one instance in its variables. */
  export function bind(): typeof import("../../dist/doorkey_edge.js");
}

// What runs inside of Redis, as text.
declare module "*.lua" {
  const text: string;
  export default text;
}
