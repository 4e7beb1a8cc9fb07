// From an app's sources to what its tool makes of them, with the SDK installed as anybody would.

import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { here, tarball } from "./places.mjs";
import { refuseWarnings, run } from "./process.mjs";

/** Where apps are built: inside the workspace, so that they find their tools as they would at home. */
const folder = (name) => join(here, ".apps", name);

/** Puts an address and a key where the sources have those of the documentation. */
async function configure(folder, replacements) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    let source = await readFile(path, "utf8");
    for (const [from, to] of Object.entries(replacements)) source = source.replaceAll(from, to);
    await writeFile(path, source);
  }
}

/** Copies an app, installs the tarball in it and nothing else; yields its folder. */
export async function install(name, { from = join("apps", name), replacements = {} } = {}) {
  const app = folder(name);
  await rm(app, { recursive: true, force: true });
  await cp(join(here, from), app, { recursive: true });
  await configure(app, replacements);
  // A lock file would tell Next.js that this is a checkout of its own, and it would look for its packages here.
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"];
  await run("npm", ["install", "--offline", ...quiet, tarball], app);
  return app;
}

/** Runs the tools that build an app, one after the other; a warning is a failure. */
export async function build(app, commands) {
  for (const [program, ...args] of commands) {
    const { stdout, stderr } = await run(program, args, app);
    refuseWarnings(program, stdout + stderr);
  }
}

/** Runs at most `width` of the tasks that it is given at the same time. */
export function lanes(width) {
  const free = Array.from({ length: width }, () => Promise.resolve());
  return (task) => {
    const result = free.shift().then(task);
    free.push(result.catch(() => {}));
    return result;
  };
}
