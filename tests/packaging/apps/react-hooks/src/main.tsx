// What a developer finds out about the hooks sooner or later; each case in a root of its own, with the real issuer.
import { createClient, type Client, type Session } from "@doorkey/browser";
import { DoorkeyProvider, useDoorkey, useSession, type SessionState } from "@doorkey/browser/react";
import { StrictMode, useEffect, version, type ReactNode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";

const publishableKey = "pk_test_YourKey";

interface Seen {
  client: Client;
  state: SessionState;
}

/** Hands on what a component sees, whenever that changes. */
class Watch {
  readonly seen: Seen[] = [];
  #wanted: { is: (seen: Seen) => boolean; found: (seen: Seen) => void } | undefined;

  readonly Look = () => {
    const [client, state] = [useDoorkey(), useSession()];
    useEffect(() => {
      const seen = { client, state };
      this.seen.push(seen);
      if (this.#wanted?.is(seen)) this.#wanted.found(seen);
    }, [client, state]);
    return <p>{state.isLoading ? "loading" : (state.session?.id ?? state.error?.code)}</p>;
  };

  /** The latest, once it is as wanted. */
  until(is: (seen: Seen) => boolean): Promise<Seen> {
    const latest = this.seen.at(-1);
    if (latest && is(latest)) return Promise.resolve(latest);
    return new Promise((found) => (this.#wanted = { is, found }));
  }
}

const hasSession = ({ state }: Seen) => state.session !== undefined;
const hasFailed = ({ state }: Seen) => state.error !== undefined;

/** A `fetch` that counts, and what it counted. */
function counting() {
  const counter = { calls: 0, fetch: (request: Request) => (counter.calls++, globalThis.fetch(request)) };
  return counter;
}

/** Says when it is on the page with what it was given. */
function Shown({ then }: { then: (() => void) | undefined }) {
  useEffect(() => then?.(), [then]);
  return null;
}

function render(node: ReactNode) {
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  root.render(<StrictMode>{node}</StrictMode>);
  return root;
}

const CASES: Record<string, () => Promise<unknown>> = {
  async "two components share one session and one mint"() {
    const [first, second, counter] = [new Watch(), new Watch(), counting()];
    const node = (
      <DoorkeyProvider publishableKey={publishableKey} fetch={counter.fetch}>
        <first.Look />
        <second.Look />
      </DoorkeyProvider>
    );
    render(node);
    const [a, b] = await Promise.all([first.until(hasSession), second.until(hasSession)]);
    return [a.state === b.state, a.client === b.client, counter.calls];
  },

  async "a render keeps the client, and its latest functions are called"() {
    const [watch, before, after] = [new Watch(), counting(), counting()];
    const node = (fetch: (request: Request) => Promise<Response>, onShow?: () => void) => (
      <DoorkeyProvider publishableKey={publishableKey} fetch={(request) => fetch(request)}>
        <watch.Look />
        <Shown then={onShow} />
      </DoorkeyProvider>
    );
    const root = render(node(before.fetch));
    const { client } = await watch.until(hasSession);
    await new Promise<void>((resolve) => root.render(<StrictMode>{node(after.fetch, resolve)}</StrictMode>));
    await client.fetch("https://api.example.com/pictures");
    return [new Set(watch.seen.map((seen) => seen.client)).size, before.calls, after.calls];
  },

  async "another custody is another client"() {
    const watch = new Watch();
    const node = (custody: Session["custody"]) => (
      <DoorkeyProvider publishableKey={publishableKey} custody={custody}>
        <watch.Look />
      </DoorkeyProvider>
    );
    const root = render(node("wasm"));
    const first = await watch.until(hasSession);
    root.render(<StrictMode>{node("webcrypto")}</StrictMode>);
    const second = await watch.until(({ state }) => state.session?.custody === "webcrypto");
    return [first.state.session?.custody, second.state.session?.custody, first.client === second.client];
  },

  async "an error is told, and refresh asks again"() {
    const watch = new Watch();
    let isDown = true;
    const fetch = (request: Request) => (isDown ? Promise.reject(new TypeError("down")) : globalThis.fetch(request));
    render(
      <DoorkeyProvider publishableKey={publishableKey} fetch={fetch}>
        <watch.Look />
      </DoorkeyProvider>,
    );
    await watch.until(hasFailed);
    isDown = false;
    // The SDK asks an issuer that failed again only after a while, and says till then what it was.
    for (let seen = watch.seen.at(-1); !seen?.state.session; ) {
      seen?.state.refresh();
      seen = await watch.until(({ state }) => state !== seen?.state && !state.isLoading);
    }
    const states = watch.seen.map(({ state: { isLoading, error } }) => (isLoading ? "loading" : (error?.code ?? "session")));
    return [...new Set(states)];
  },

  async "a view for an error that looks at the session itself leaves the error as it is"() {
    const [outer, inner] = [new Watch(), new Watch()];
    const Switch = () => (useSession().error ? <inner.Look /> : null);
    const fetch = () => Promise.reject(new TypeError("down"));
    render(
      <DoorkeyProvider publishableKey={publishableKey} fetch={fetch}>
        <outer.Look />
        <Switch />
      </DoorkeyProvider>,
    );
    const { client } = await inner.until(hasFailed);
    // Whatever the view has asked for has been answered, and shown, after this.
    await client.session().catch(() => {});
    for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
    return new Set(outer.seen.map(({ state }) => state)).size;
  },

  async "what is mounted later has the session at once"() {
    const [first, second, counter] = [new Watch(), new Watch(), counting()];
    const client = createClient({ publishableKey, fetch: counter.fetch });
    const root = render(<DoorkeyProvider client={client} children={<first.Look />} />);
    await first.until(hasSession);
    root.unmount();
    render(<DoorkeyProvider client={client} children={<second.Look />} />);
    await second.until(hasSession);
    return [second.seen[0]?.state.session !== undefined, counter.calls];
  },

  async "a page from a server is taken over as it is"() {
    const watch = new Watch();
    const node = (
      <DoorkeyProvider publishableKey={publishableKey}>
        <watch.Look />
      </DoorkeyProvider>
    );
    const container = document.body.appendChild(document.createElement("div"));
    container.innerHTML = renderToString(node);
    const html = container.innerHTML;
    const errors: unknown[] = [];
    hydrateRoot(container, node, { onRecoverableError: (error) => errors.push(String(error)) });
    await watch.until(hasSession);
    return [html, errors, watch.seen[0]?.state.isLoading];
  },
};

const results: Record<string, unknown> = { react: version.split(".")[0] };
for (const [name, run] of Object.entries(CASES)) results[name] = await run();
document.documentElement.dataset.result = JSON.stringify(results);
