/** Does work once for all who ask; what failed is tried again. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let working: Promise<T> | undefined;
  return () =>
    (working ??= work().catch((cause: unknown) => {
      working = undefined;
      throw cause;
    }));
}
