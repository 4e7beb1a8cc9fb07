import { readFileSync } from "node:fs";

/** Compiles the module that lies beside the package's scripts. */
export function loadModule(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL("../doorkey_edge_bg.wasm", import.meta.url)));
}

/** Work goes on after a response. */
export const outlivesRequests = true;

/** A header with the connection's peer could come from anyone. */
export const peerHeader = undefined;

/** As natively: what the options are unless given. */
export const defaults = { maxBodiesBytes: 256 * 1024 * 1024, replayCapacity: 4_000_000 };
