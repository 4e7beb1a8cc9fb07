import type { ErrorCode } from "./error-code.js";

/** A response in parts. */
interface Answer {
  status: number;
  headers: [string, string][];
  body: string;
}

/** @internal What Rust says of a refusal. */
export interface Report extends Answer {
  code: ErrorCode;
  hint: string;
  message: string;
  request_id: string;
  retry_after?: number;
}

/**
 * Why a request is refused, or an option is wrong.
 *
 * `message` says what is wrong with this very request. Neither it nor anything else in here holds a credential.
 */
export class DoorkeyError extends Error {
  /** What happened; stable, documented, made for `switch`. */
  readonly code: ErrorCode;
  /** The HTTP status that goes with the code. */
  readonly status: number;
  /** What to do about it, in a sentence. */
  readonly hint: string;
  /** The id that the response carries, `req_…`: log it. */
  readonly requestId: string;
  /** When to try again, in seconds; with a 429 and a 503 alone. */
  readonly retryAfter: number | undefined;
  readonly #answer: Answer;

  static {
    this.prototype.name = "DoorkeyError";
  }

  /** @internal */
  constructor(report: Report, cause?: unknown) {
    super(report.message, cause === undefined ? undefined : { cause });
    this.code = report.code;
    this.status = report.status;
    this.hint = report.hint;
    this.requestId = report.request_id;
    this.retryAfter = report.retry_after;
    this.#answer = { status: report.status, headers: report.headers, body: report.body };
  }

  /**
   * The response to send: the problem document (RFC 9457) with the headers that belong to it, as every Doorkey verifier
   * sends it.
   */
  toResponse(): Response {
    const { status, headers, body } = this.#answer;
    return new Response(body, { status, headers });
  }

  /** The same under the name that Hono asks thrown errors by, so that it answers what a handler throws. */
  getResponse(): Response {
    return this.toResponse();
  }

  /** @internal The same, for servers without `Response`. */
  static answerOf(error: DoorkeyError): Answer {
    return error.#answer;
  }
}
