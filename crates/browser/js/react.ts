"use client";

import { createContext, createElement, useContext, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { ReactElement, ReactNode } from "react";
import { createClient, DoorkeyError, type Client, type ClientOptions } from "@doorkey/browser";
import { sessionStore, type SessionState } from "./react/session-store.js";

export type { SessionState } from "./react/session-store.js";

/** What {@link DoorkeyProvider} takes: the options of a client, or a client. */
export type DoorkeyProviderProps =
  | (ClientOptions & { client?: undefined; children?: ReactNode })
  | { client: Client; children?: ReactNode };

const ClientContext = createContext<Client | undefined>(undefined);

/**
 * Gives the components below it one client.
 *
 * Rendering does nothing, on a server neither: the first call in the browser makes the key pair and mints a session.
 * The client stays the same until `publishableKey` or `custody` is another; `grant` and `fetch` may be other functions
 * at each render, and the latest are called. What React begins and throws away, a tree that suspends before it was ever
 * shown, takes its client along: where that happens, make the client outside of React and give it as `client`.
 *
 * @example
 * <DoorkeyProvider publishableKey="pk_live_…">
 *   <Pictures />
 * </DoorkeyProvider>
 */
export function DoorkeyProvider(props: DoorkeyProviderProps): ReactElement {
  const own = useOwnClient(props.client ? undefined : props);
  return createElement(ClientContext.Provider, { value: props.client ?? own }, props.children);
}

// Its own name is lost in the build, and React names components in its warnings.
DoorkeyProvider.displayName = "DoorkeyProvider";

/**
 * The client of the nearest {@link DoorkeyProvider}; the same at each render.
 *
 * @throws {@link DoorkeyError} `invalid_input` where there is none.
 *
 * @example
 * const { fetch } = useDoorkey();
 * const { data } = useQuery({ queryKey: ["pictures"], queryFn: () => fetch("https://api.example.com/pictures") });
 */
export function useDoorkey(): Client {
  const client = useContext(ClientContext);
  if (client) return client;
  const hint = "Put a <DoorkeyProvider> around the component.";
  throw new DoorkeyError("invalid_input", "a Doorkey hook is used outside of a <DoorkeyProvider>", 422, hint);
}

/**
 * What the issuer granted to this page; mints a session once mounted, if there is none.
 *
 * All components of one client see the same state. It is loading on a server, and while the page hydrates. An error
 * stays until `refresh`. A session is renewed by calls, and the renewed one is seen on `refresh`.
 *
 * @example
 * const { session, error, isLoading } = useSession();
 * if (isLoading) return <Spinner />;
 * if (error) return <p>{error.hint}</p>;
 * return <Gallery canUpload={session.scopes.includes("pictures:write")} />;
 */
export function useSession(): SessionState {
  const store = sessionStore(useDoorkey());
  return useSyncExternalStore(store.subscribe, store.state, store.serverState);
}

/** The properties of a provider, as JavaScript may give them. */
type Props = Partial<ClientOptions> & { client?: undefined; children?: ReactNode };

/** A client for these options; none for none. */
function useOwnClient(options: ClientOptions | undefined): Client | undefined {
  const latest = useRef(options);
  // Ahead of all effects, so that a call made in one finds the functions of its own render.
  useInsertionEffect(() => {
    latest.current = options;
  });
  const isWanted = options !== undefined;
  const { publishableKey = "", custody = "auto", grant, fetch, client: _, children: __, ...unknown } = (options ?? {}) as Props;
  const [hasGrant, hasFetch] = [grant !== undefined, fetch !== undefined];
  return useMemo(() => {
    if (!isWanted) return undefined;
    const call = <K extends "grant" | "fetch">(name: K) => latest.current?.[name] as NonNullable<ClientOptions[K]>;
    return createClient({
      // Whose names it does not know, it refuses.
      ...unknown,
      publishableKey,
      custody,
      ...(hasGrant && { grant: () => call("grant")() }),
      ...(hasFetch && { fetch: (request: Request) => call("fetch")(request) }),
    });
  }, [isWanted, publishableKey, custody, hasGrant, hasFetch]);
}
