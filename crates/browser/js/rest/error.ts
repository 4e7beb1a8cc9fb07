import type { CodeRow } from "../error-code.js";
import type * as early from "../error.js";

/** The class of the page's entry: this file is loaded on its own, and `instanceof` must hold. */
export let DoorkeyError: typeof early.DoorkeyError;

export function useError(error: typeof early.DoorkeyError): void {
  DoorkeyError = error;
}

export function refusal({ code, status, hint }: CodeRow, detail: string, cause?: unknown): early.DoorkeyError {
  const error = new DoorkeyError(code, detail, status, hint);
  if (cause !== undefined) error.cause = cause;
  return error;
}
