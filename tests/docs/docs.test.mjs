// Every block of code in www/docs is compiled or run, against the packed packages and the real programs.

import assert from "node:assert/strict";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { launchChromium } from "../packaging/lib/browsers.mjs";
import { freePort, startDoorkey } from "../packaging/lib/doorkey.mjs";
import { doorkey as program, root, tarball } from "../packaging/lib/places.mjs";
import { run, start } from "../packaging/lib/process.mjs";
import { serve } from "../packaging/lib/serve.mjs";
import { blocks, blocksOf, docs, pages, readmeBlocks } from "./blocks.mjs";

/** The page whose blocks are the files and the programs of one app. */
const QUICK_START = "quick-start.md";

/** Far longer than anything here takes, so that what hangs is a failure. */
const TIMEOUT = 300_000;

const verifierTarball = process.env.DOORKEY_VERIFIER_TARBALL ?? join(dirname(tarball), "doorkey-verifier.tgz");
const folder = fileURLToPath(new URL(".blocks/", import.meta.url));

before(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "docs-blocks", private: true, type: "module" }));
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"];
  await run("npm", ["install", "--offline", ...quiet, tarball, verifierTarball], folder);
}, { timeout: TIMEOUT });
after(() => rm(folder, { recursive: true, force: true }));

test("every block is of a language that is tested", () => {
  const tested = ["js", "ts", "tsx", "html", "http", "json", "rust", "rust,no_run", "sh", "toml"];
  assert.deepEqual(blocks.filter(({ language }) => !tested.includes(language)).map(({ name }) => name), []);
  assert.deepEqual(blocksOf("toml").map(({ page }) => page), [QUICK_START]);
  // None is written so that it would not be found.
  for (const [page, source] of pages) {
    const fences = source.match(/^\s*(```|~~~)/gm) ?? [];
    const found = blocks.filter((block) => block.page === page);
    assert.equal(fences.length, 2 * found.length, page);
    assert.equal((source.match(/<!-- given/g) ?? []).length, found.filter(({ given }) => given).length, page);
  }
});

test("JavaScript and TypeScript compile", { timeout: TIMEOUT }, async () => {
  const compilerOptions = {
    target: "es2022",
    module: "esnext",
    moduleResolution: "bundler",
    jsx: "react-jsx",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const programs = {
    page: { lib: ["es2023", "dom", "dom.iterable"], types: ["node"] },
    worker: { lib: ["es2023", "webworker"], types: [] },
  };
  for (const { page, line, given, language, text } of [...blocksOf("js", "ts", "tsx"), ...readmeBlocks]) {
    const kind = given.includes("ServiceWorkerGlobalScope") ? "worker" : "page";
    // Error messages name page and line by the file's name.
    const file = join(folder, kind, `${page}.${line}.${language === "tsx" ? "tsx" : "ts"}`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${given}${text}export {};\n`);
  }
  for (const [kind, options] of Object.entries(programs)) {
    const config = join(folder, kind, "tsconfig.json");
    await writeFile(config, JSON.stringify({ compilerOptions: { ...compilerOptions, ...options }, include: ["."] }));
    await run("tsc", ["--project", config], folder);
  }
});

describe("the quick start", () => {
  /** What to undo, the latest first. */
  const stops = [];
  after(async () => {
    while (stops.length > 0) await stops.pop()();
  });

  test("works as it is written", { timeout: TIMEOUT }, async () => {
    const app = join(folder, "quick-start");
    await mkdir(app);
    const port = await freePort();
    const steps = blocks.filter(({ page }) => page === QUICK_START);
    /** The one block that begins so, with a port that is free. */
    const step = (beginning) => {
      const [block, ...others] = steps.filter(({ text }) => text.startsWith(beginning));
      assert.ok(block && others.length === 0, beginning);
      return block.text.replaceAll("3880", port);
    };
    const argumentsOf = (command) => step(command).trim().slice(command.length + 1).split(" ").filter(Boolean);
    const begin = async (program, args, ready) => {
      const started = await start(program, args, { cwd: app, ready });
      stops.push(started.stop);
      return started;
    };

    await writeFile(join(app, "doorkey.toml"), step("# doorkey.toml\n"));
    const issuer = await begin(program, ["serve", ...argumentsOf("doorkey serve"), "--listen", "127.0.0.1:0"], /Ctrl-C stops it/);
    const [, origin] = /Doorkey runs at (\S+)/.exec(issuer.output());
    const [, key] = /publishable +(pk_test_\S+)/.exec(issuer.output());

    await writeFile(join(app, "api.mjs"), step("// api.mjs\n").replaceAll("http://localhost:7700", origin));
    await begin(process.execPath, argumentsOf("node"), /the API is there/);

    // Hands on what the page shows.
    const watch = `<script>new MutationObserver(() => {
      const [said] = /The API says .*/.exec(document.body?.innerText ?? "") ?? [];
      if (said) document.documentElement.dataset.result = JSON.stringify(said);
    }).observe(document, { childList: true, subtree: true });</script>`;
    // Browsers ask for it by themselves.
    await writeFile(join(app, "favicon.ico"), "");
    const page = step("<!-- index.html -->\n").replaceAll("pk_test_…", key);
    await writeFile(join(app, "index.html"), page.replace("<body>", `<body>${watch}`));
    const vite = await begin("vite", [...argumentsOf("npx vite"), "--port", "0"], /Local:\s+(http\S+?)\/?$/);

    const browser = await launchChromium();
    stops.push(() => browser.close());
    const shown = await browser.visit(`${vite.match[1]}/`);
    const promised = /The page shows `([^`]*)`/.exec(pages.get(QUICK_START))[1];
    assert.deepEqual(shown, { result: promised, troubles: [] });
  });
});

describe("in a page", () => {
  let browser;
  let doorkey;
  before(async () => {
    const starts = [launchChromium().then((it) => (browser = it)), startDoorkey().then((it) => (doorkey = it))];
    // All of them, so that what did start can be stopped.
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
  }, { timeout: TIMEOUT });
  after(async () => {
    await browser?.close();
    await doorkey?.stop();
  });

  /** The text with what is there instead of what the documentation names. */
  const real = (text) =>
    text
      .replaceAll("pk_live_…", doorkey.publishableKey)
      .replaceAll("https://api.example.com", doorkey.api)
      .replaceAll("https://keys.example.com", doorkey.issuer);

  /** What a page of this HTML says in the end. */
  async function show(html, script, headers) {
    await writeFile(join(folder, "index.html"), `<!doctype html>\n<html lang="en">\n<body>\n${html}</body>\n</html>\n`);
    await writeFile(join(folder, "script.js"), script);
    const server = await serve(folder, headers);
    try {
      return await browser.visit(`${server.origin}/`);
    } finally {
      await server.stop();
    }
  }

  test("HTML calls the API", { timeout: TIMEOUT }, async () => {
    // Hands on what the block shows.
    const watch = `new MutationObserver(() => {
      const [said] = /The API says \\d+$/.exec(document.body.innerText) ?? [];
      if (said) document.documentElement.dataset.result = JSON.stringify(said);
    }).observe(document.body, { childList: true });`;
    for (const { text, name } of blocksOf("html").filter(({ page }) => page !== QUICK_START)) {
      const page = await show(`<script src="/script.js"></script>\n${real(text)}`, watch);
      assert.deepEqual(page, { result: "The API says 200", troubles: [] }, name);
    }
  });

  test("the Content Security Policy allows all that is needed", { timeout: TIMEOUT }, async () => {
    const script = `import { createClient } from "/node_modules/@doorkey/browser/dist/index.js";
      const client = createClient({ publishableKey: "pk_live_…" });
      const response = await client.fetch("https://api.example.com/pictures");
      document.documentElement.dataset.result = JSON.stringify(response.status);`;
    for (const { text, name } of blocksOf("http")) {
      const [, field, value] = /^(Content-Security-Policy): (.*)\n$/.exec(text) ?? [];
      assert.ok(field, name);
      const html = `<script type="module" src="/script.js"></script>\n`;
      const page = await show(html, real(script), { [field]: real(value) });
      assert.deepEqual(page, { result: 200, troubles: [] }, name);
      // What the page of documentation names is needed, each of it.
      for (const part of ["'wasm-unsafe-eval'", real("https://keys.example.com"), real("https://api.example.com")]) {
        await assert.rejects(show(html, real(script), { [field]: real(value).replace(part, "") }), `${name} without ${part}`);
      }
    }
  });
});

test("JSON is read, and refusals have codes that there are", async () => {
  for (const { text, name } of blocksOf("json")) {
    const { code, status, title, hint } = JSON.parse(text);
    const row = pages.get("error-codes.md").split("\n").find((line) => line.startsWith(`| \`${code}\``));
    assert.equal(row, `| \`${code}\` | ${status} | ${title} | ${hint} |`, name);
  }
});

test("codes that pages name exist", () => {
  const table = [...pages.get("error-codes.md").matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
  assert.ok(table.length > 40);
  for (const [page, source] of pages) {
    for (const [, row] of source.matchAll(/^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| /gm)) {
      const codes = [...row.matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, code]) => code);
      assert.deepEqual(codes.filter((code) => !table.includes(code)), [], page);
    }
  }
});

test("Rust is compiled by the doctests of a crate", async () => {
  const crates = await readdir(join(root, "crates"));
  const libraries = crates.map((name) => join(root, "crates", name, "src/lib.rs")).filter((path) => existsSync(path));
  const sources = await Promise.all(libraries.map((path) => readFile(path, "utf8")));
  for (const { page, name } of blocksOf("rust", "rust,no_run")) {
    const include = `doc = include_str!("../../../www/docs/${page}")`;
    assert.ok(sources.some((source) => source.includes(include)), `${name} is in no crate's doctests`);
  }
});

/** How each program's command lines are tested. */
const PROGRAMS = {
  // The binary reads the whole line before it shows its help.
  doorkey: async (args) => {
    const { stdout } = await run(program, [...args, "--help"], folder);
    assert.match(stdout, /Usage: doorkey/);
  },
  npm: async ([command, ...args]) => {
    assert.equal(command, "install");
    const { devDependencies } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));
    const known = ["--save-dev", "@doorkey/browser", "@doorkey/verifier", ...Object.keys(devDependencies)];
    assert.deepEqual(args.filter((name) => !known.includes(name)), []);
  },
  cargo: async ([command, ...args]) => {
    assert.equal(command, "add");
    const manifest = await readFile(join(root, "Cargo.toml"), "utf8");
    assert.deepEqual(args.filter((name) => !manifest.includes(`\n${name} = `)), []);
  },
  // The quick start has a test of its own.
  node: async (args) => assert.deepEqual(args, ["api.mjs"]),
  npx: async (args) => assert.deepEqual(args, ["vite"]),
  export: async ([assignment]) => assert.match(assignment, /^DOORKEY_[A-Z_]+=/),
};

test("command lines are what the programs take", { timeout: TIMEOUT }, async () => {
  for (const { text, name } of blocksOf("sh")) {
    for (const line of text.trim().split("\n")) {
      const [first, ...args] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
      assert.ok(first in PROGRAMS, `${name}: nobody tests ${first}`);
      await PROGRAMS[first](args).catch((error) => assert.fail(`${name}: ${line}: ${error.message}`));
    }
  }
});

/** The anchor that a heading gets where Markdown is shown. */
const anchor = (heading) => heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");

test("links lead somewhere, and every page is linked from the first", async () => {
  for (const [page, source] of pages) {
    for (const [, target] of source.matchAll(/\]\(([^)\s]+)\)/g)) {
      const [path, fragment] = target.split("#");
      const file = resolve(docs, path || page);
      assert.ok(existsSync(file), `${page}: ${target}`);
      const headings = [...(await readFile(file, "utf8")).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));
      assert.ok(fragment === undefined || headings.includes(fragment), `${page}: ${target}`);
    }
  }
  const index = pages.get("index.md");
  assert.deepEqual([...pages.keys()].filter((page) => page !== "index.md" && !index.includes(`(${page})`)), []);
});
