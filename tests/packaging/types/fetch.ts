import { createFetch } from "@doorkey/browser/fetch";
import { doorkey, type DoorkeyPlugin } from "@doorkey/browser/vite";
import { expect, type Equal } from "./equal.js";

expect<Equal<ReturnType<typeof createFetch>, typeof globalThis.fetch>>();
expect<Equal<ReturnType<typeof doorkey>, DoorkeyPlugin>>();

// @ts-expect-error a key is needed
createFetch({});
