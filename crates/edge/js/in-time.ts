/** What a promise comes to, or a rejection with what `late` makes if that takes longer than so many milliseconds. */
export function inTime<T>(promise: Promise<T>, millis: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), millis);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
