import { createFetch } from "@doorkey/browser/fetch";
import { expect, type Equal } from "./equal.js";

expect<Equal<ReturnType<typeof createFetch>, typeof globalThis.fetch>>();
export const signed = createFetch({ publishableKey: "pk_test_YourKey" });

// @ts-expect-error a client needs a key
createFetch({});
