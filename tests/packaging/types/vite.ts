import { doorkey } from "@doorkey/browser/vite";
import { expect, type Equal } from "./equal.js";

const plugin = doorkey();
expect<Equal<typeof plugin.name, "doorkey">>();
expect<Equal<Parameters<typeof doorkey>, []>>();
