import type { Custody } from "@doorkey/browser";
import type { Call, CallLog } from "../call-log.svelte.ts";
import type { DemoConfig } from "../config.ts";
import { outcomeOf, type Outcome } from "./attack.ts";
import { TappedClient } from "./capture.ts";

/** What every attack works with: a victim to steal from and a way to send what was stolen. */
export class Lab {
  readonly victim: TappedClient;

  constructor(
    readonly config: DemoConfig,
    readonly log: CallLog,
    readonly custody: Custody,
  ) {
    this.victim = this.tap(config.publishable_key);
  }

  tap(publishableKey: string): TappedClient {
    return new TappedClient(publishableKey, this.config.issuer, this.custody, this.log);
  }

  url(path: string): string {
    return `${this.config.api}${path}`;
  }

  /** Sends as the attacker; `captured` is the request that this one was made from. */
  async send(request: Request, label: string, captured?: Request): Promise<Outcome> {
    const intent = { label: `Attack: ${label}`, by: "attacker" } as const;
    const { call } = await this.log.send(request, captured ? { ...intent, captured } : intent);
    return outcomeOf(call);
  }

  /** Sends as the rightful page, to set the scene. */
  async sendHonestly(request: Request, label: string): Promise<Call> {
    return (await this.log.send(request, { label, by: "page" })).call;
  }
}
