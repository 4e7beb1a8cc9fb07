import type { Client, DoorkeyError, Session } from "@doorkey/browser";
import { createFetch } from "@doorkey/browser/fetch";
import { DoorkeyProvider, useDoorkey, useSession, type SessionState } from "@doorkey/browser/react";
import { doorkey, type DoorkeyPlugin } from "@doorkey/browser/vite";
import { createElement } from "react";
import { expect, type Equal } from "./equal.js";

expect<Equal<ReturnType<typeof createFetch>, typeof globalThis.fetch>>();
expect<Equal<ReturnType<typeof useDoorkey>, Client>>();
expect<Equal<ReturnType<typeof useSession>, SessionState>>();
expect<Equal<ReturnType<typeof doorkey>, DoorkeyPlugin>>();

// What is not loading and no error is a session.
export function narrow(state: SessionState): Session | DoorkeyError | "loading" {
  if (state.isLoading) return "loading";
  return state.error ?? state.session;
}

export const provided = (client: Client) => [
  createElement(DoorkeyProvider, { publishableKey: "pk_live_x" }),
  createElement(DoorkeyProvider, { client }),
  // @ts-expect-error a client has its key already
  createElement(DoorkeyProvider, { client, publishableKey: "pk_live_x" }),
  // @ts-expect-error neither a key nor a client
  createElement(DoorkeyProvider, {}),
];
