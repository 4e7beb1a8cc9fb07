/**
 * Options for Rust, which refuses those that it does not know. What JSON would drop or turn into `null`, and so into an option
 * that was not given, it gets as a text, and refuses for that.
 */
export function toJson(options: object): string {
  return JSON.stringify(options, (_, value: unknown) => {
    const isLost = typeof value === "number" ? !Number.isFinite(value) : ["bigint", "function", "symbol"].includes(typeof value);
    return isLost ? String(value) : value;
  });
}
