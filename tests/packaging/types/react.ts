import type { Client, DoorkeyError, Session } from "@doorkey/browser";
import { DoorkeyProvider, useDoorkey, useSession, type DoorkeyProviderProps } from "@doorkey/browser/react";
import { createElement, type ReactElement } from "react";
import { expect, type Equal } from "./equal.js";

expect<Equal<ReturnType<typeof useDoorkey>, Client>>();
expect<Equal<ReturnType<typeof DoorkeyProvider>, ReactElement>>();

export const provided = (client: Client) => [
  createElement(DoorkeyProvider, { publishableKey: "pk_test_YourKey" }),
  createElement(DoorkeyProvider, { client }),
];

export function Scopes(): string {
  const state = useSession();
  if (state.isLoading) return "";
  if (state.error) {
    expect<Equal<typeof state.error, DoorkeyError>>();
    return state.error.hint;
  }
  expect<Equal<typeof state.session, Session>>();
  return state.session.scopes.join();
}

// @ts-expect-error a key or a client is needed
export const empty: DoorkeyProviderProps = {};
// @ts-expect-error and not both
export const both: DoorkeyProviderProps = { publishableKey: "pk_test_YourKey", client: useDoorkey() };
