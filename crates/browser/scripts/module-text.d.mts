/** The codes of all bytes, and then those of the module's. */
export function toText(bytes: Uint8Array): string;
