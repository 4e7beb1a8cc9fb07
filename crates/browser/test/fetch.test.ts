import assert from "node:assert/strict";
import { test } from "node:test";
import { createFetch } from "@doorkey/browser/fetch";
import createApi from "openapi-fetch";
import { API, KEY, problem, verifyCall, World } from "./world.js";

/** What `openapi-typescript` writes for an API with pictures. */
interface paths {
  "/pictures/{id}": {
    get: {
      parameters: { path: { id: string }; query?: { size?: number } };
      responses: {
        200: { content: { "application/json": { id: string } } };
        403: { content: { "application/problem+json": { code: string } } };
      };
    };
    put: {
      parameters: { path: { id: string } };
      requestBody: { content: { "application/json": { title: string } } };
      responses: { 200: { content: { "application/json": { id: string } } } };
    };
  };
}

test("openapi-fetch calls with it, and each call is signed", async () => {
  const world = new World();
  const api = createApi<paths>({ baseUrl: API, fetch: createFetch({ publishableKey: KEY, fetch: world.fetch }) });
  world.answer = () => Response.json({ id: "7" });

  const read = await api.GET("/pictures/{id}", { params: { path: { id: "a b" }, query: { size: 2 } } });
  assert.equal(read.data?.id, "7");
  const written = await api.PUT("/pictures/{id}", { params: { path: { id: "7" } }, body: { title: "Seven" } });
  assert.equal(written.data?.id, "7");

  assert.equal(world.mints.length, 1);
  assert.deepEqual(world.calls.map(({ request }) => `${request.method} ${request.url}`), [
    `GET ${API}/pictures/a%20b?size=2`,
    `PUT ${API}/pictures/7`,
  ]);
  assert.equal(world.calls[1]?.body.toString(), `{"title":"Seven"}`);
  for (const call of world.calls) verifyCall(call, world.mints[0]!.header.jwk.x);
});

test("a refusal is the generated client's error, as the API describes it", async () => {
  const world = new World();
  const api = createApi<paths>({ baseUrl: API, fetch: createFetch({ publishableKey: KEY, fetch: world.fetch }) });
  world.answer = () => problem(403, "insufficient_scope");
  const { data, error, response } = await api.GET("/pictures/{id}", { params: { path: { id: "7" } } });
  assert.deepEqual([data, error?.code, response.status], [undefined, "insufficient_scope", 403]);
});

test("it fits wherever a fetch is asked for", () => {
  const fetch: typeof globalThis.fetch = createFetch({ publishableKey: KEY });
  // hey-api's and orval's generated clients ask for exactly these.
  const heyApi: { baseUrl: string; fetch?: (request: Request) => ReturnType<typeof globalThis.fetch> } = { baseUrl: API, fetch };
  const orval: (url: string, init: RequestInit) => Promise<Response> = fetch;
  assert.ok([heyApi.fetch, orval].every((each) => each === fetch));
});
