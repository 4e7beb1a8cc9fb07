import { createClient, DoorkeyError, type Client, type Custody, type Session } from "@doorkey/browser";
import type { Call, CallLog } from "./call-log.svelte.ts";
import type { DemoConfig } from "./config.ts";
import { refusalOf, type Refusal } from "./refusal.ts";

export const CUSTODIES: readonly { value: Custody; label: string }[] = [
  { value: "auto", label: "Auto" },
  { value: "webcrypto", label: "WebCrypto" },
  { value: "wasm", label: "WebAssembly" },
];

const LABELS: Record<string, string> = {
  "POST /v1/sessions": "Mint session",
  "POST /pictures": "Upload picture",
  "GET /pictures": "List pictures",
  "GET /whoami": "Show principal",
};

/** The page's own client, as a customer would hold one, and what the page shows about it. */
export class PageClient {
  custody = $state<Custody>(custodyInUrl());
  session = $state.raw<Session>();
  refusal = $state.raw<Refusal>();
  /** Server time minus the local clock, in milliseconds, as of the latest mint. */
  clockOffset = $state(0);
  #client: Client;

  constructor(
    private readonly config: DemoConfig,
    private readonly log: CallLog,
  ) {
    this.#client = this.#connect();
  }

  /** Drops the key pair and the session, and starts again with the other custody. */
  choose(custody: Custody): void {
    this.custody = custody;
    const url = new URL(location.href);
    url.searchParams.set("custody", custody);
    history.replaceState(null, "", url);
    this.#client = this.#connect();
    this.session = undefined;
    void this.refresh();
  }

  /** A signed call to the API; a refusal rejects with a `DoorkeyError`. */
  async fetch(path: string, init?: RequestInit): Promise<Response> {
    const response = await this.#client.fetch(`${this.config.api}${path}`, init);
    void this.refresh();
    const refusal = await DoorkeyError.from(response);
    if (refusal) throw refusal;
    return response;
  }

  /** Shows the session as it is now; mints if there is none. */
  async refresh(): Promise<void> {
    const client = this.#client;
    try {
      const session = await client.session();
      if (client !== this.#client) return;
      this.session = session;
      this.refusal = undefined;
    } catch (error) {
      if (client === this.#client) this.refusal = refusalOf(error);
    }
  }

  #connect(): Client {
    return createClient({
      publishableKey: this.config.publishable_key,
      custody: this.custody,
      fetch: async (request) => {
        const label = LABELS[`${request.method} ${new URL(request.url).pathname}`] ?? "Call API";
        const { response, call } = await this.log.send(request, { label, by: "page" });
        this.clockOffset = mintedOffset(call) ?? this.clockOffset;
        return response;
      },
    });
  }
}

/** Server time minus local time, in milliseconds, if `call` was a mint. */
export function mintedOffset(call: Call): number | undefined {
  if (call.signed.kind !== "mint" || call.decision?.kind !== "accepted") return undefined;
  const { server_time } = call.decision.body as { server_time: number };
  return server_time * 1000 - (call.startedAt.getTime() + (call.milliseconds ?? 0) / 2);
}

function custodyInUrl(): Custody {
  const asked = new URL(location.href).searchParams.get("custody");
  return CUSTODIES.find(({ value }) => value === asked)?.value ?? "auto";
}
