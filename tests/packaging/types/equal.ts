/** `true` where two types are the very same, not merely assignable to each other. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles for `true` alone. */
export function expect<T extends true>(): T | undefined {
  return undefined;
}
