import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionStore } from "../js/react/session-store.js";
import { settle, stopClocks, until } from "./time.js";
import { problem, World } from "./world.js";

test("a view that is mounted for an error leaves the error as it is", async () => {
  const world = new World();
  world.everyMint = () => problem(403, "origin_not_allowed");
  const store = sessionStore(world.client());
  let news = 0;
  const unmount = store.subscribe(() => news++);
  await until(() => store.state().error !== undefined);
  const failed = store.state();
  assert.equal(news, 1);
  // The view that React shows instead is mounted before the first one goes.
  const unmountNext = store.subscribe(() => news++);
  unmount();
  await settle();
  assert.equal(store.state(), failed, "no view is told of anything, so none is mounted anew");
  assert.deepEqual([news, world.mints.length], [1, 1]);
  unmountNext();
});

test("an error ends on refresh, once for all who ask", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  world.nextMint = () => problem(403, "origin_not_allowed");
  const store = sessionStore(world.client());
  store.subscribe(() => {});
  await until(() => store.state().error !== undefined);
  clocks.pass(1);
  store.state().refresh();
  store.state().refresh();
  assert.equal(store.state().isLoading, true);
  await until(() => store.state().session !== undefined);
  assert.equal(world.mints.length, 2);
});

test("a session that is over by the page's clock is not asked for at each mount", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const store = sessionStore(world.client());
  store.subscribe(() => {});
  await until(() => store.state().session !== undefined);
  clocks.pass(3600);
  store.subscribe(() => {});
  await settle();
  assert.equal(world.mints.length, 1);
  store.state().refresh();
  await until(() => store.state().session?.id === "ses_2");
});
