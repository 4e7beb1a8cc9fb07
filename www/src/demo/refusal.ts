import { DoorkeyError } from "@doorkey/browser";

/** A refusal in words: what happened, what to do, the code. */
export interface Refusal {
  text: string;
  hint?: string;
  code?: string;
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof DoorkeyError) return { text: error.message, hint: error.hint, code: error.code };
  if (error instanceof TypeError) {
    return { text: "Nobody answered.", hint: "Check that cargo xtask demo is still running." };
  }
  return { text: String(error) };
}
