// The types of the installed tarball, as each kind of resolution finds them.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { install } from "./lib/app.mjs";
import { run } from "./lib/process.mjs";

const RESOLUTIONS = { bundler: "esnext", node16: "node16", nodenext: "nodenext" };

let app;
before(async () => (app = await install("types", { from: "types" })));

for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
  test(`under moduleResolution ${moduleResolution}`, async () => {
    const compilerOptions = {
      target: "es2022",
      lib: ["es2022", "dom"],
      types: [],
      module,
      moduleResolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      skipLibCheck: false,
      noEmit: true,
    };
    const config = `tsconfig.${moduleResolution}.json`;
    await writeFile(join(app, config), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    await run("tsc", ["--project", config], app);
  });
}
