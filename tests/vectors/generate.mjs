// Writes the vectors, or with --check fails when a file is not what would be written.
// Ed25519 is deterministic, so the same generator always writes the same bytes.

import { readFileSync, writeFileSync } from "node:fs";
import { grants } from "./generate/grants.mjs";
import { keyStrings } from "./generate/key-strings.mjs";
import { requests } from "./generate/requests.mjs";
import { secretKeys } from "./generate/secret-keys.mjs";
import { signedUrls } from "./generate/signed-urls.mjs";
import { signing } from "./generate/signing.mjs";
import { tokens } from "./generate/tokens.mjs";
import { verifierCredentials } from "./generate/verifier-credentials.mjs";

const files = {
  "key-strings": keyStrings(), tokens: tokens(), requests: requests(), signing: signing(), "signed-urls": signedUrls(), grants: grants(),
  "secret-keys": secretKeys(), "verifier-credentials": verifierCredentials(),
};
const check = process.argv.includes("--check");
let stale = 0;
for (const [name, vectors] of Object.entries(files)) {
  const path = new URL(`${name}.json`, import.meta.url);
  const text = `${JSON.stringify(vectors, null, 1)}\n`;
  if (!check) {
    writeFileSync(path, text);
  } else if (readFileSync(path, "utf8") !== text) {
    console.error(`tests/vectors/${name}.json is not what generate.mjs writes: run node tests/vectors/generate.mjs`);
    stale += 1;
  }
}
process.exit(stale === 0 ? 0 : 1);
