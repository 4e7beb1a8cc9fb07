import type { ErrorCode } from "@doorkey/browser";
import type { LucideIcon } from "@lucide/svelte";
import { codeOf, type Call } from "../call-log.svelte.ts";

/** How an attack ended. */
export type Outcome =
  | { kind: "refused"; code: string; status: number; callId?: number; note?: string }
  | { kind: "got-through"; status: number; callId?: number }
  /** It could not be tried, so it proves nothing. */
  | { kind: "not-tried"; reason: string };

export interface Attack {
  /** Also its button's `data-testid`. */
  id: string;
  /** A verb and its object: the button's label. */
  title: string;
  /** One sentence: what the attacker does. */
  explains: string;
  icon: LucideIcon;
  expects: ErrorCode;
  /** `progress` takes a few words about what it waits for. */
  run: (progress: (words: string) => void) => Promise<Outcome>;
}

/** What the server's decision on the attacker's own request means for the attack. */
export function outcomeOf({ id, decision }: Call): Outcome {
  switch (decision?.kind) {
    case "accepted":
      return { kind: "got-through", status: decision.status, callId: id };
    case "refused":
      return { kind: "refused", code: codeOf(decision) ?? "no code", status: decision.status, callId: id };
    default:
      return { kind: "not-tried", reason: decision?.reason ?? "Nobody answered." };
  }
}
