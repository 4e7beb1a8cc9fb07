import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { mock, test } from "node:test";
import { DoorkeyError } from "@doorkey/browser";
import { DoorkeyProvider, useDoorkey, useSession } from "@doorkey/browser/react";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { KEY, World } from "./world.js";

function Status() {
  const { session, error, isLoading } = useSession();
  return createElement("p", null, JSON.stringify({ hasFetch: typeof useDoorkey().fetch, session, error, isLoading }));
}

const status = createElement(Status);
const LOADING = `<p>${JSON.stringify({ hasFetch: "function", isLoading: true }).replaceAll('"', "&quot;")}</p>`;

test("on a server it renders as loading, and nothing is asked of anybody", () => {
  const fetch = mock.fn<() => Promise<Response>>();
  const grant = mock.fn<() => Promise<string>>();
  const html = renderToString(createElement(DoorkeyProvider, { publishableKey: KEY, fetch, grant }, status));
  assert.equal(html, LOADING);
  assert.deepEqual([fetch.mock.callCount(), grant.mock.callCount()], [0, 0]);
});

test("a property that is no option is refused by its name", () => {
  const props = { publishableKey: KEY, Grant: async () => "a.b.c" };
  assert.throws(() => renderToString(createElement(DoorkeyProvider, props, status)), {
    code: "invalid_input",
    message: "Grant is no option of createClient",
  });
});

test("a client that is there already is taken, and what it has on a server is not told", async () => {
  const client = new World().client();
  await client.session();
  assert.equal(renderToString(createElement(DoorkeyProvider, { client }, status)), LOADING);
});

test("the nearest provider counts", () => {
  const [outer, inner] = [new World().client(), new World().client()];
  const seen: unknown[] = [];
  const Look = () => {
    seen.push(useDoorkey());
    return null;
  };
  const tree = createElement(
    DoorkeyProvider,
    { client: outer },
    createElement(Look),
    createElement(DoorkeyProvider, { client: inner }, createElement(Look)),
  );
  renderToString(tree);
  assert.deepEqual(seen.map((client) => client === inner), [false, true]);
});

test("outside of a provider hooks say what is missing", () => {
  const expected = (error: unknown) => {
    assert.ok(error instanceof DoorkeyError && error.code === "invalid_input");
    assert.match(`${error.message} ${error.hint}`, /<DoorkeyProvider>/);
    return true;
  };
  assert.throws(() => renderToString(status), expected);
});

test("a wrong key throws where the provider is rendered", () => {
  const render = (publishableKey: string) => () => renderToString(createElement(DoorkeyProvider, { publishableKey }));
  assert.throws(render("sk_live_x"), { code: "wrong_key_kind" });
  assert.throws(render(undefined as unknown as string), { code: "malformed_key" });
});

test("React's warnings can name the provider, although the build shortens names", () => {
  assert.equal((DoorkeyProvider as { displayName?: string }).displayName, "DoorkeyProvider");
});

test("the built file is a client module, and holds no second copy of the SDK", () => {
  const file = createRequire(import.meta.url).resolve("@doorkey/browser/react");
  const text = readFileSync(file, "utf8");
  assert.ok(text.startsWith('"use client";'));
  const imports = [...text.matchAll(/from"([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(imports.sort(), ["@doorkey/browser", "react"]);
});
