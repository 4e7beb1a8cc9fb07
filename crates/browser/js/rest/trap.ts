/** What WebAssembly was in the middle of when it failed: who frees that makes it fail again, in nobody's call. */
const kept: unknown[] = [];

/** Whether WebAssembly itself has failed: it has run out of memory, or into a fault of the SDK. */
export const isTrap = (error: unknown): boolean => error instanceof WebAssembly.RuntimeError;

/** Yields the error, and never lets go of what is in no known state. */
export function keep<T>(broken: unknown, error: T): T {
  kept.push(broken);
  return error;
}
