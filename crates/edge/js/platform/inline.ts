import bytes from "#bytes";

/** Compiles the module that is part of this script. */
export function loadModule(): WebAssembly.Module {
  return new WebAssembly.Module(bytes);
}

/** Work goes on after a response. */
export const outlivesRequests = true;
