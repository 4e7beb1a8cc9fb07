import FilePen from "@lucide/svelte/icons/file-pen";
import Route from "@lucide/svelte/icons/route";
import TextSearch from "@lucide/svelte/icons/text-search";
import { samplePicture } from "../sample-picture.ts";
import type { Attack } from "./attack.ts";
import type { Lab } from "./lab.ts";

interface Tampering extends Omit<Attack, "run"> {
  capture: (lab: Lab) => Promise<Request>;
  change: (captured: Request, lab: Lab) => Request | Promise<Request>;
}

const list = (lab: Lab): Promise<Request> => lab.victim.capture(lab.url("/pictures"));

const TAMPERINGS: Tampering[] = [
  {
    id: "attack-body",
    title: "Change body",
    explains: "Puts another picture into a captured upload.",
    icon: FilePen,
    expects: "digest_mismatch",
    async capture(lab) {
      const body = await samplePicture();
      return lab.victim.capture(lab.url("/pictures"), {
        method: "POST",
        headers: { "content-type": body.type },
        body,
      });
    },
    async change({ url, method, headers }) {
      return new Request(url, { method, headers, body: await samplePicture() });
    },
  },
  {
    id: "attack-query",
    title: "Change query",
    explains: "Adds ?limit=1 to a captured request.",
    icon: TextSearch,
    expects: "signature_invalid",
    capture: list,
    change: (captured) => new Request(`${captured.url}?limit=1`, captured),
  },
  {
    id: "attack-path",
    title: "Change path",
    explains: "Sends a captured list request to /whoami instead.",
    icon: Route,
    expects: "signature_invalid",
    capture: list,
    change: (captured, lab) => new Request(lab.url("/whoami"), captured),
  },
];

/** The attacks that change one part of a captured request and send the rest as it was. */
export function tampering(lab: Lab): Attack[] {
  return TAMPERINGS.map(({ capture, change, ...attack }) => ({
    ...attack,
    async run() {
      const captured = await capture(lab);
      const changed = await change(captured, lab);
      return lab.send(changed, attack.title.toLowerCase(), captured);
    },
  }));
}
