import { ISSUER_UNAVAILABLE, RETRYABLE_STATUSES, type CodeRow, type ErrorCode } from "./error-code.js";

/** The members of a problem document (RFC 9457) that an error is made of. */
interface Problem {
  code: ErrorCode;
  title?: string;
  detail?: string;
  hint?: string;
  request_id?: string;
}

/**
 * A refusal by Doorkey: by the SDK before anything was sent, by the issuer, or by a server that verifies.
 *
 * `message` says what is wrong with this very call.
 */
export class DoorkeyError extends Error {
  /** What happened; stable, documented, made for `switch`. */
  readonly code: ErrorCode;
  /** What to do about it, in a sentence. */
  readonly hint: string;
  /** The HTTP status that goes with the code, also where no response was involved. */
  readonly status: number;
  /** Under which id the server logged the request, if a server refused it. */
  readonly requestId: string | undefined;

  static {
    this.prototype.name = "DoorkeyError";
  }

  /** For the SDK itself, its Rust half included. */
  constructor(code: ErrorCode, detail: string, status: number, hint: string, requestId?: string) {
    super(detail);
    this.code = code;
    this.hint = hint;
    this.status = status;
    this.requestId = requestId;
  }

  /** Whether the same call can succeed later without a change: a limit, or an outage. */
  get retryable(): boolean {
    return RETRYABLE_STATUSES.includes(this.status);
  }

  /**
   * Reads the refusal out of a response; `undefined` for a response that is not one of Doorkey's.
   *
   * The response stays readable.
   *
   * @example
   * const response = await client.fetch("https://api.example.com/pictures");
   * const refusal = await DoorkeyError.from(response);
   * if (refusal?.code === "insufficient_scope") showUpgradeHint(refusal.hint);
   */
  static async from(response: Response): Promise<DoorkeyError | undefined> {
    const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json");
    if (response.ok || !isProblem || response.bodyUsed) return undefined;
    const problem = (await response.clone().json().catch(() => undefined)) as Partial<Problem> | undefined;
    if (typeof problem?.code !== "string") return undefined;
    const { code, title = "", detail = title, hint = "", request_id } = problem;
    return new DoorkeyError(code, detail, response.status, hint, request_id);
  }
}

/** @internal An error that the SDK finds by itself. */
export function refusal({ code, status, hint }: CodeRow, detail: string, cause?: unknown): DoorkeyError {
  const error = new DoorkeyError(code, detail, status, hint);
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** @internal The issuer is out of reach. */
export function unavailable(detail: string, cause?: unknown): DoorkeyError {
  return refusal(ISSUER_UNAVAILABLE, detail, cause);
}
