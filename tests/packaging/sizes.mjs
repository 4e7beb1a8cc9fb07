// Prints what a page downloads for other SDKs that authenticate it, as JSON: name → version and bytes after brotli.
// Each is bundled as the first example of its own documentation uses it; what that does not use is shaken off.

import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));

/** First examples, with `export` so that nothing in them counts as unused. */
const EXAMPLES = {
  "@supabase/supabase-js": `
    import { createClient } from "@supabase/supabase-js";
    export const supabase = createClient("https://xyzcompany.supabase.co", "your-publishable-key");`,
  "@auth0/auth0-spa-js": `
    import { createAuth0Client } from "@auth0/auth0-spa-js";
    export const auth0 = await createAuth0Client({
      domain: "<AUTH0_DOMAIN>", clientId: "<AUTH0_CLIENT_ID>", authorizationParams: { redirect_uri: "<MY_CALLBACK_URL>" },
    });`,
  "oidc-client-ts": `
    import { UserManager } from "oidc-client-ts";
    export const users = new UserManager({ authority: "https://op.example", client_id: "id", redirect_uri: location.href });`,
  // The package "firebase" hands on what these two export, and brings all of Firebase along.
  "@firebase/auth": `
    import { initializeApp } from "@firebase/app";
    import { getAuth, onAuthStateChanged } from "@firebase/auth";
    const auth = getAuth(initializeApp({ apiKey: "key", projectId: "id" }));
    export const stop = onAuthStateChanged(auth, (user) => console.log(user));`,
  jose: `
    import * as jose from "jose";
    export const sign = (key) => new jose.SignJWT({ "urn:example:claim": true }).setProtectedHeader({ alg: "ES256" })
      .setIssuedAt().setIssuer("urn:example:issuer").setAudience("urn:example:audience").setExpirationTime("2h").sign(key);`,
  dpop: `
    import * as DPoP from "dpop";
    const keypair = await DPoP.generateKeyPair("ES256", { extractable: false });
    export const proof = await DPoP.generateProof(keypair, "https://as.example.com/token", "POST");`,
};

async function sizeOf([name, contents]) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    stdin: { contents, resolveDir: here },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return [name, { version: versionOf(name, metafile), brotli: brotliCompressSync(outputFiles[0].contents, { params }).length }];
}

/** The version of the package whose files were bundled, wherever npm put it. */
function versionOf(name, { inputs }) {
  const folder = `node_modules/${name}/`;
  const input = Object.keys(inputs).find((path) => path.includes(folder));
  const root = input.slice(0, input.indexOf(folder) + folder.length);
  return JSON.parse(readFileSync(join(here, root, "package.json"), "utf8")).version;
}

const sizes = await Promise.all(Object.entries(EXAMPLES).map(sizeOf));
process.stdout.write(`${JSON.stringify(Object.fromEntries(sizes))}\n`);
