import TimerOff from "@lucide/svelte/icons/timer-off";
import { readSigned, tokenClaims } from "../signed.ts";
import type { Attack } from "./attack.ts";
import type { TappedClient } from "./capture.ts";
import type { Lab } from "./lab.ts";

/** Past the token's expiry by this much, in milliseconds, so that a rounded clock cannot spoil the attempt. */
const MARGIN = 1_200;

export function expiredToken(lab: Lab): Attack {
  return {
    id: "attack-expired",
    title: "Use expired token",
    explains: "Keeps a signed request until its two-second token has run out.",
    icon: TimerOff,
    expects: "token_expired",
    async run(progress) {
      const victim = lab.tap(lab.config.short_lived_publishable_key);
      const captured = await victim.capture(lab.url("/pictures"));
      await outlive(captured, victim, progress);
      return lab.send(captured, "use expired token");
    },
  };
}

async function outlive(captured: Request, victim: TappedClient, progress: (words: string) => void): Promise<void> {
  const signed = await readSigned(captured);
  const claims = signed.kind === "proof" ? tokenClaims(signed) : undefined;
  if (!claims) throw new Error("the captured request has no session token");
  const until = claims.exp * 1000 + MARGIN;
  for (;;) {
    const left = until - (Date.now() + victim.clockOffset);
    if (left <= 0) return;
    progress(`Waiting ${Math.ceil(left / 1000)} s for the token to expire`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, 250)));
  }
}
