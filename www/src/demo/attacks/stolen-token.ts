import KeyRound from "@lucide/svelte/icons/key-round";
import type { Attack } from "./attack.ts";
import { forge } from "./forge.ts";
import type { Lab } from "./lab.ts";

export function stolenToken(lab: Lab): Attack {
  return {
    id: "attack-token",
    title: "Use stolen token",
    explains: "Takes the session token and signs with a key pair of its own.",
    icon: KeyRound,
    expects: "key_mismatch",
    async run() {
      const captured = await lab.victim.capture(lab.url("/pictures"));
      const stolen = captured.headers.get("authorization") ?? "";
      const forged = await forge(captured.url, stolen, Date.now() + lab.victim.clockOffset);
      return lab.send(forged, "use stolen token");
    },
  };
}
