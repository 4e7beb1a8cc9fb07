import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, DoorkeyError } from "@doorkey/browser";
import { createClient as another, DoorkeyError as Other } from "@doorkey/browser/inline";

test("an error is one, whichever entry has made it", () => {
  assert.notEqual(DoorkeyError, Other);
  const errorOf = (create: typeof createClient) => {
    try {
      return create({ publishableKey: "sk_live_x" });
    } catch (error) {
      return error;
    }
  };
  for (const error of [errorOf(createClient), errorOf(another)]) {
    assert.ok(error instanceof DoorkeyError && error instanceof Other && error instanceof Error);
  }
  class Own extends DoorkeyError {}
  assert.ok(new Own("conflict", "", 409, "") instanceof Own && !(errorOf(createClient) instanceof Own));
  for (const other of [new Error("no"), new TypeError("no"), null, undefined, {}, "DoorkeyError"]) {
    assert.ok(!(other instanceof DoorkeyError));
  }
});
