// Time as a test has it: clocks that stand still, and timers that fire when the test says so.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";

/** Both clocks of a browser, as if nobody else had set them. */
export function stopClocks(context: TestContext) {
  const clocks = { wall: Date.now(), monotonic: performance.now() };
  context.mock.method(Date, "now", () => clocks.wall);
  context.mock.method(performance, "now", () => clocks.monotonic);
  return {
    pass: (seconds: number) => {
      clocks.wall += seconds * 1000;
      clocks.monotonic += seconds * 1000;
    },
    sleep: (seconds: number) => (clocks.wall += seconds * 1000),
  };
}

/** Turns of the event loop until something holds; the test's own time-out ends it otherwise. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** So many turns as whatever is under way could need: nothing here waits for more than promises and WebCrypto. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    await crypto.subtle.digest("SHA-256", new Uint8Array(1));
  }
}

/** `setTimeout` does nothing until the test lets time pass. */
export function stopTimers(context: TestContext) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { mock } = context.mock.method(globalThis, "setTimeout");
  return {
    /** How long each timer is that was set, in milliseconds. */
    waits: () => mock.calls.map((call) => call.arguments[1]),
    /** Lets exactly `milliseconds` pass once they are waited for; `before` must hold until the last of them. */
    pass: async (milliseconds: number, before: () => void) => {
      const waited = () => mock.calls.filter((call) => call.arguments[1] === milliseconds).length;
      await until(() => waited() > 0);
      assert.equal(waited(), 1, "one timer of this length");
      context.mock.timers.tick(milliseconds - 1);
      await settle();
      before();
      context.mock.timers.tick(1);
    },
  };
}
