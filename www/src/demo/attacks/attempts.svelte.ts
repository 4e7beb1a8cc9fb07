import { SvelteMap } from "svelte/reactivity";
import type { Custody } from "@doorkey/browser";
import type { CallLog } from "../call-log.svelte.ts";
import type { DemoConfig } from "../config.ts";
import { refusalOf } from "../refusal.ts";
import type { Attack, Outcome } from "./attack.ts";
import { attacks } from "./index.ts";
import { Lab } from "./lab.ts";

/** Where an attack stands. */
export type Attempt = { kind: "running"; words: string } | Outcome;

/** The attacks and the last result of each, for one key custody. */
export class Attempts {
  readonly attacks: Attack[];
  readonly #latest = new SvelteMap<string, Attempt>();
  runningAll = $state(false);

  constructor(config: DemoConfig, log: CallLog, custody: Custody) {
    this.attacks = attacks(new Lab(config, log, custody));
  }

  latest({ id }: Attack): Attempt | undefined {
    return this.#latest.get(id);
  }

  /** How many ended with the code that they should. */
  get refusedAsExpected(): number {
    return this.attacks.filter((attack) => {
      const attempt = this.latest(attack);
      return attempt?.kind === "refused" && attempt.code === attack.expects;
    }).length;
  }

  async run(attack: Attack): Promise<void> {
    const progress = (words: string): void => void this.#latest.set(attack.id, { kind: "running", words });
    progress("Running");
    try {
      this.#latest.set(attack.id, await attack.run(progress));
    } catch (error) {
      const { text, hint } = refusalOf(error);
      this.#latest.set(attack.id, { kind: "not-tried", reason: [text, hint].filter(Boolean).join(" ") });
    }
  }

  /** One after the other, so that the calls stand in their order. */
  async runAll(): Promise<void> {
    this.runningAll = true;
    for (const attack of this.attacks) await this.run(attack);
    this.runningAll = false;
  }
}
