import { RETRYABLE_STATUSES, type CodeRow, type ErrorCode } from "./error-code.js";

const BRAND = Symbol.for("doorkey.error");
/** What the `type` of Doorkey's problem documents begins with; an API has others of its own. */
const TYPE = "urn:doorkey:error:";

/** The members of a problem document (RFC 9457) that an error is made of. */
interface Problem {
  type: string;
  code: ErrorCode;
  title?: string;
  detail?: string;
  hint?: string;
  request_id?: string;
}

/**
 * Why there is no answer: the SDK found something before anything was sent, the issuer or a server that verifies
 * refused, or the network failed.
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
  /** After how many seconds the same call is worth another try, if a server said so. */
  readonly retryAfter: number | undefined;

  static {
    this.prototype.name = "DoorkeyError";
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** Whether an error is one, whichever of the package's entries has made it. */
  static override [Symbol.hasInstance](error: unknown): boolean {
    if (this !== DoorkeyError) return Function.prototype[Symbol.hasInstance].call(this, error);
    return typeof error === "object" && error !== null && BRAND in error;
  }

  /** For the SDK itself, its Rust half included. */
  constructor(code: ErrorCode, detail: string, status: number, hint: string, requestId?: string, retryAfter?: number) {
    super(detail);
    this.code = code;
    this.hint = hint;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
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
    if (typeof problem?.code !== "string" || problem.type !== TYPE + problem.code) return undefined;
    const { code, title = "", detail = title, hint = "", request_id } = problem;
    const retryAfter = /^\d+$/.exec(response.headers.get("retry-after") ?? "")?.[0];
    return new DoorkeyError(code, detail, response.status, hint, request_id, retryAfter ? Number(retryAfter) : undefined);
  }
}

/** @internal An error that the SDK finds by itself. */
export function refusal({ code, status, hint }: CodeRow, detail: string, cause?: unknown): DoorkeyError {
  const error = new DoorkeyError(code, detail, status, hint);
  if (cause !== undefined) error.cause = cause;
  return error;
}
