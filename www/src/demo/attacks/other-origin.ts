import Globe from "@lucide/svelte/icons/globe";
import { decisionOf, type Decision } from "../call-log.svelte.ts";
import { outcomeOf, type Attack } from "./attack.ts";
import { otherOrigin, sendFrom, type FrameReport } from "./frame.ts";
import type { Lab } from "./lab.ts";

export function fromOtherOrigin(lab: Lab): Attack {
  return {
    id: "attack-origin",
    title: "Send from another origin",
    explains: "Hands a captured request, not yet used, to a page on another origin.",
    icon: Globe,
    expects: "origin_not_allowed",
    async run() {
      const sentFrom = otherOrigin();
      if (!sentFrom) return { kind: "not-tried", reason: "Open this page on localhost." };
      const captured = await lab.victim.capture(lab.url("/pictures"));
      const intent = { label: "Attack: send from another origin", by: "attacker", sentFrom } as const;
      const call = await lab.log.begin(captured, intent);
      const report = await sendFrom(sentFrom, captured);
      return outcomeOf(lab.log.finish(call, await reported(report), report.milliseconds));
    },
  };
}

async function reported(report: FrameReport): Promise<Decision> {
  if ("failure" in report) return { kind: "unanswered", reason: report.failure };
  const { status, body, contentType } = report;
  return decisionOf(new Response(body, { status, headers: { "content-type": contentType } }));
}
