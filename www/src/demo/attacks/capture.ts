import { createClient, type Client, type Custody } from "@doorkey/browser";
import type { CallLog } from "../call-log.svelte.ts";
import { mintedOffset } from "../page-client.svelte.ts";

/** A client whose signed requests are caught on their way out and never sent: a victim with a thief in its network. */
export class TappedClient {
  readonly #client: Client;
  readonly #caught = new WeakMap<Response, Request>();
  /** Server time minus the local clock, in milliseconds. */
  clockOffset = 0;

  constructor(publishableKey: string, issuer: string, custody: Custody, log: CallLog) {
    this.#client = createClient({
      publishableKey,
      custody,
      fetch: async (request) => {
        if (new URL(request.url).origin === issuer) {
          const { response, call } = await log.send(request, { label: "Mint session to attack", by: "page" });
          this.clockOffset = mintedOffset(call) ?? this.clockOffset;
          return response;
        }
        const nothing = new Response(null, { status: 204 });
        this.#caught.set(nothing, request);
        return nothing;
      },
    });
  }

  /** A request exactly as the SDK signed it. */
  async capture(url: string, init?: RequestInit): Promise<Request> {
    const request = this.#caught.get(await this.#client.fetch(url, init));
    if (!request) throw new Error("the client sent no request");
    return request;
  }
}
