// workerd compiles no bytes at run time: the module is part of the upload.
import module from "../doorkey_edge_bg.wasm";

/** Yields the module that workerd has compiled. */
export function loadModule(): WebAssembly.Module {
  return module;
}

/** What a request has begun may be broken off with it. */
export const outlivesRequests = false;

/** Cloudflare sets it for each request, and shows a worker no connection. */
export const peerHeader = "cf-connecting-ip";

/** An isolate has 128 MB: what the options are unless given. */
export const defaults = { maxBodiesBytes: 32 * 1024 * 1024, replayCapacity: 100_000 };
