import Repeat from "@lucide/svelte/icons/repeat";
import type { Attack } from "./attack.ts";
import type { Lab } from "./lab.ts";

export function replay(lab: Lab): Attack {
  return {
    id: "attack-replay",
    title: "Replay request",
    explains: "Sends a request that the API has already answered, byte for byte.",
    icon: Repeat,
    expects: "replayed",
    async run() {
      const captured = await lab.victim.capture(lab.url("/pictures"));
      const { decision } = await lab.sendHonestly(captured.clone(), "List pictures, to be replayed");
      if (decision?.kind !== "accepted") return { kind: "not-tried", reason: "The first request was refused." };
      return lab.send(captured.clone(), "replay request");
    },
  };
}
