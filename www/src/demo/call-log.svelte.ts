import { SvelteMap } from "svelte/reactivity";
import { readSigned, type Signed } from "./signed.ts";

/** The members of `application/problem+json` that Doorkey sends (RFC 9457). */
export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: string;
  hint: string;
  request_id: string;
}

/** What came back for one request. */
export type Decision =
  | { kind: "accepted"; status: number; body: unknown }
  | { kind: "refused"; status: number; problem: Problem | undefined }
  | { kind: "unanswered"; reason: string };

export interface Call {
  id: number;
  /** What the caller wanted, in words. */
  label: string;
  by: "page" | "attacker";
  method: string;
  url: string;
  sentFrom: string;
  startedAt: Date;
  signed: Signed;
  decision?: Decision;
  milliseconds?: number;
}

export type CallIntent = Pick<Call, "label" | "by"> & {
  /** The request as its rightful sender signed it, where an attacker sends something made from it. */
  captured?: Request;
  sentFrom?: string;
};

/** Every request that left the page, newest first. */
export class CallLog {
  readonly #calls = new SvelteMap<number, Call>();
  #lastId = 0;
  /** The call that the reader asked to see. */
  shown = $state<number>();

  /** Newest first. */
  readonly newestFirst = $derived([...this.#calls.values()].reverse());

  /** Sends `request` and records it; rejects as `fetch` does when nobody answers. */
  async send(request: Request, intent: CallIntent): Promise<{ response: Response; call: Call }> {
    const call = await this.begin(request, intent);
    const began = performance.now();
    try {
      const response = await fetch(request);
      const milliseconds = performance.now() - began;
      return { response, call: this.finish(call, await decisionOf(response.clone()), milliseconds) };
    } catch (error) {
      this.finish(call, { kind: "unanswered", reason: String(error) }, performance.now() - began);
      throw error;
    }
  }

  /** Records a request that is about to leave, here or in the attacker's frame. */
  async begin(request: Request, { captured, sentFrom, ...intent }: CallIntent): Promise<Call> {
    const signed = await readSigned(request, captured);
    const call: Call = {
      ...intent,
      id: ++this.#lastId,
      method: request.method,
      url: request.url,
      sentFrom: sentFrom ?? location.origin,
      startedAt: new Date(),
      signed,
    };
    this.#calls.set(call.id, call);
    return call;
  }

  finish(call: Call, decision: Decision, milliseconds: number): Call {
    const finished = { ...call, decision, milliseconds };
    this.#calls.set(call.id, finished);
    return finished;
  }
}

/** Reads a response for the log; consumes its body. */
export async function decisionOf(response: Response): Promise<Decision> {
  const { status } = response;
  const type = response.headers.get("content-type") ?? "";
  const text = await response.text();
  const body: unknown = /[/+]json\b/.test(type) ? JSON.parse(text) : text;
  if (response.ok) return { kind: "accepted", status, body };
  return { kind: "refused", status, problem: type.includes("problem+json") ? (body as Problem) : undefined };
}

/** The error code of a refusal. */
export function codeOf(decision: Decision | undefined): string | undefined {
  return decision?.kind === "refused" ? decision.problem?.code : undefined;
}
