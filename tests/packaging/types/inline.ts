import * as standard from "@doorkey/browser";
import * as inline from "@doorkey/browser/inline";
import { expect, type Equal } from "./equal.js";

// The same in one file: what one can be used for, the other can.
expect<Equal<typeof inline, typeof standard>>();
expect<Equal<inline.Client, standard.Client>>();
expect<Equal<inline.ErrorCode, standard.ErrorCode>>();

// @ts-expect-error no way leads inside
void import("@doorkey/browser/dist/index.js");
