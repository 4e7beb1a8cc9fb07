import { DoorkeyError, type ErrorCode } from "@doorkey/browser";
import { expect, type Equal } from "./equal.js";

export async function refusalOf(response: Response): Promise<string | undefined> {
  const refusal = await DoorkeyError.from(response);
  expect<Equal<typeof refusal, DoorkeyError | undefined>>();
  // @ts-expect-error there may be none
  void refusal.code;
  switch (refusal?.code) {
    case "insufficient_scope":
    case "sdk_unavailable":
      return refusal.hint;
    // @ts-expect-error no such code
    case "insufficient_scopes":
      return undefined;
    default:
      return refusal?.message;
  }
}

export function describe(error: unknown): void {
  if (!(error instanceof DoorkeyError)) return;
  expect<Equal<typeof error, DoorkeyError>>();
  expect<Equal<typeof error.code, ErrorCode>>();
  expect<Equal<typeof error.retryable, boolean>>();
  expect<Equal<typeof error.status, number>>();
  expect<Equal<typeof error.requestId, string | undefined>>();
  expect<Equal<typeof error.retryAfter, number | undefined>>();
  const plain: Error = error;
  void plain;
  // @ts-expect-error what happened stays as it is
  error.code = "replayed";
}

// The union is one of names, not `string`.
expect<Equal<string extends ErrorCode ? true : false, false>>();
