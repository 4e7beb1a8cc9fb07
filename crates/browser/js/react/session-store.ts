import type { Client, DoorkeyError, Session } from "@doorkey/browser";

interface Refreshable {
  /** Asks for the session again: after an error, or to see the one that a call has renewed. */
  refresh: () => void;
}

/** What `useSession` yields: exactly one of a session, an error, or neither while it is loading. */
export type SessionState = Refreshable &
  (
    | { session: Session; error: undefined; isLoading: false }
    | { session: undefined; error: DoorkeyError; isLoading: false }
    | { session: undefined; error: undefined; isLoading: true }
  );

/** One client's session as React's components see it. */
export interface SessionStore {
  subscribe: (listener: () => void) => () => void;
  state: () => SessionState;
  serverState: () => SessionState;
}

const stores = new WeakMap<Client, SessionStore>();

/** The store of a client, which all its components share. */
export function sessionStore(client: Client): SessionStore {
  let store = stores.get(client);
  if (!store) stores.set(client, (store = makeStore(client)));
  return store;
}

function makeStore(client: Client): SessionStore {
  const listeners = new Set<() => void>();
  let isAsking = false;
  const loading: SessionState = { session: undefined, error: undefined, isLoading: true, refresh };
  let state: SessionState = loading;

  const become = (next: SessionState) => {
    state = next;
    for (const listener of listeners) listener();
  };

  const answer = (next: SessionState) => {
    isAsking = false;
    // The same session is no news.
    if (!next.session || next.session.id !== state.session?.id) become(next);
  };

  function refresh(): void {
    if (isAsking) return;
    isAsking = true;
    if (state.error) become(loading);
    client.session().then(
      (session) => answer({ session, error: undefined, isLoading: false, refresh }),
      // All that a client rejects with is one.
      (error: DoorkeyError) => answer({ session: undefined, error, isLoading: false, refresh }),
    );
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      // Only what is mounted asks: an effect, which runs in browsers alone. And only if nobody has asked before: else a
      // view that is mounted for an error would end it, be unmounted, and be mounted for the next one.
      if (state.isLoading) refresh();
      return () => void listeners.delete(listener);
    },
    state: () => state,
    serverState: () => loading,
  };
}
