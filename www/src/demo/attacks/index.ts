import type { Attack } from "./attack.ts";
import { expiredToken } from "./expired-token.ts";
import type { Lab } from "./lab.ts";
import { fromOtherOrigin } from "./other-origin.ts";
import { replay } from "./replay.ts";
import { secretKeyInPage, secretKeySent } from "./secret-key.ts";
import { stolenToken } from "./stolen-token.ts";
import { tampering } from "./tamper.ts";

/** Every attack of the demo, in the order in which the page shows them. */
export function attacks(lab: Lab): Attack[] {
  return [
    replay(lab),
    ...tampering(lab),
    stolenToken(lab),
    fromOtherOrigin(lab),
    expiredToken(lab),
    secretKeyInPage(lab),
    secretKeySent(lab),
  ];
}
