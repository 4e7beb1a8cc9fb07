// Where things are; xtask says it, and without xtask they stand where cargo puts them.

import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const inside = (path) => fileURLToPath(new URL(path, import.meta.url));

/** This package, and the checkout. */
export const here = inside("..");
export const root = inside("../../..");

const target = process.env.DOORKEY_TARGET ?? join(root, "target");

/** The packed SDK under test. */
export const tarball = process.env.DOORKEY_TARBALL ?? join(target, "npm/doorkey-browser.tgz");

/** The issuer's binary and the sample API's. */
export const doorkey = join(target, "debug/doorkey");
export const pictures = join(target, "debug/examples/pictures");

export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const firefox = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/**
 * What programs get as their environment. Nothing of npm's, which would send an app's `npm install` to the workspace;
 * nothing of Doorkey's, which would configure the issuer; not `CI`, with which tools say other things than at a desk
 * (Next.js warns of a build cache that a first build cannot have).
 */
export const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|doorkey_|node_|init_cwd|rust_|ci$)/i.test(name))),
  PATH: [join(here, "node_modules/.bin"), join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
  // Nothing leaves this machine, and no program colours what is searched for warnings.
  NEXT_TELEMETRY_DISABLED: "1",
  NO_COLOR: "1",
};
