import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { doorkey } from "@doorkey/browser/vite";
import { rolldown, type Plugin as RolldownPlugin } from "rolldown";
import { rollup, type Plugin as RollupPlugin } from "rollup";
import { build, createLogger, type Logger, type Plugin as VitePlugin } from "vite";
import * as vite5 from "vite-5";

interface Vectors {
  accepted: { name: string; text: string; kind?: "pk" | "sk" }[];
  refused: { name: string; text: string; kind?: "pk" | "sk" }[];
}

const read = (name: string): Vectors =>
  // The bundle of this file stands in dist/test.
  JSON.parse(readFileSync(new URL(`../../../../tests/vectors/${name}.json`, import.meta.url), "utf8")) as Vectors;
const keys = read("key-strings");
const credentials = read("verifier-credentials");
const [KEY = ""] = keys.accepted.flatMap(({ kind, text }) => (kind === "sk" ? [text] : []));
const [PUBLISHABLE = ""] = keys.accepted.flatMap(({ kind, text }) => (kind === "pk" ? [text] : []));
const CREDENTIAL = credentials.accepted[0]!.text;
const TYPO = KEY.slice(0, -1) + (KEY.endsWith("1") ? "2" : "1");

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

/** A page with one script, and the files of a case instead of, or beside, its own. */
async function fixture(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-vite-"));
  folders.push(folder);
  const page = `<!doctype html>\n<title>A page</title>\n<script type="module" src="/src/main.js"></script>\n`;
  const all = { "index.html": page, "src/main.js": "document.title += 1;\n", "package.json": "{}", ...files };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** All that a build has written, name by name. */
async function written(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(join(folder, "dist"), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file, "latin1")] as const)));
}

/** Builds, and yields the message of the failure with all that was logged, if there is one. */
async function outcome(run: (log: (text: string) => void) => Promise<unknown>): Promise<string | undefined> {
  let logged = "";
  try {
    await run((text) => {
      logged += `${text}\n`;
    });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error);
    return `${logged}${error.stack}${JSON.stringify(error)}`;
  }
}

/** What the cases set, the same in each Vite. */
interface Settings {
  define?: Record<string, string>;
  build?: { minify?: false; sourcemap?: true | "inline" | "hidden"; copyPublicDir?: false; ssr?: string };
}

interface Case {
  name: string;
  files: Record<string, string>;
  config?: Settings;
  /** What a failure names; none for a build that passes. */
  place?: string | RegExp;
  secret?: string;
}

const escaped = KEY.replace("s", "\\x73").replace("k", "\\u006b");
const assign = (code: string) => `document.title = ${code};\n`;
const json = JSON.stringify;

const CASES: Case[] = [
  { name: "in a script", files: { "src/main.js": `\n${assign(json(KEY))}` }, place: "src/main.js:2" },
  {
    name: "in pieces that the minifier joins",
    files: { "src/main.js": assign(`${json(KEY.slice(0, 20))} + ${json(KEY.slice(20))}`) },
    place: /assets\/\S+\.js/,
  },
  {
    name: "behind escapes",
    files: { "src/main.js": assign(`"${escaped}"`) },
    config: { build: { minify: false } },
    place: "src/main.js:1",
  },
  {
    name: "by define",
    files: { "src/main.js": assign("__KEY__") },
    config: { define: { __KEY__: json(KEY) } },
    place: /assets\/\S+\.js/,
  },
  {
    name: "in the environment",
    files: { "src/main.js": assign("import.meta.env.VITE_KEY"), ".env": `VITE_KEY=${KEY}\n` },
    place: /assets\/\S+\.js/,
  },
  {
    name: "in the page",
    files: { "index.html": `<!doctype html>\n<title>A page</title>\n<meta name="key" content="${KEY}">\n` },
    place: "index.html",
  },
  {
    name: "in publicDir",
    files: { "public/deep/settings.json": `{\n "key": "${KEY}" }` },
    place: "public/deep/settings.json:2",
  },
  {
    name: "in an imported JSON file",
    files: { "src/main.js": `import { key } from "./settings.json";\n${assign("key")}`, "src/settings.json": `{\n\n"key": "${KEY}" }` },
    place: "src/settings.json:3",
  },
  {
    name: "in a source map alone",
    files: { "src/main.js": `// ${KEY}\n${assign("1")}` },
    config: { build: { sourcemap: true } },
    place: /\.js\.map, from src\/main\.js:1/,
  },
  {
    name: "in a hidden source map",
    files: { "src/main.js": `// ${KEY}\n${assign("1")}` },
    config: { build: { sourcemap: "hidden" } },
    place: /\.js\.map, from src\/main\.js:1/,
  },
  {
    name: "in an inline source map",
    files: { "src/main.js": `// ${KEY}\n${assign("1")}` },
    config: { build: { sourcemap: "inline" } },
    place: "src/main.js:1",
  },
  {
    name: "in a stylesheet",
    files: { "src/main.js": `import "./main.css";\n${assign("1")}`, "src/main.css": `body::before { content: "${KEY}" }\n` },
    place: /assets\/\S+\.css/,
  },
  {
    name: "in a data: URL",
    files: { "src/main.js": `import url from "./notes.txt?url";\n${assign("url")}`, "src/notes.txt": `the key: ${KEY}!` },
    place: /assets\/\S+\.js/,
  },
  {
    name: "a verifier credential",
    files: { "src/main.js": assign(json(CREDENTIAL)) },
    place: "src/main.js:1",
    secret: CREDENTIAL,
  },
  { name: "a key with a typo", files: { "src/main.js": assign(json(TYPO)), "public/key.txt": TYPO } },
  { name: "a publishable key", files: { "src/main.js": assign(json(PUBLISHABLE)), "public/key.txt": PUBLISHABLE } },
  { name: "a comment that is not published", files: { "src/main.js": `// ${KEY}\n${assign("1")}` } },
  { name: "publicDir, not copied", files: { "public/key.txt": KEY }, config: { build: { copyPublicDir: false } } },
  {
    name: "what is built for a server",
    files: { "src/main.js": `export default ${json(KEY)};\n`, "public/key.txt": KEY },
    config: { build: { ssr: "src/main.js" } },
  },
];

type Config = Settings & { root: string; configFile: false; logLevel: "warn"; customLogger: Logger };

const BUILDERS: Record<string, (config: Config) => Promise<unknown>> = {
  "Vite": (config) => build({ ...config, plugins: [doorkey()] }),
  "Vite 5": (config) => vite5.build({ ...config, plugins: [doorkey()] }),
};

for (const [builder, run] of Object.entries(BUILDERS)) {
  describe(builder, () => {
    for (const { name, files, config, place, secret = KEY } of CASES) {
      test(name, async () => {
        const root = await fixture(files);
        const failure = await outcome(async (log) => {
          const customLogger = { ...createLogger("silent"), info: log, warn: log, warnOnce: log, error: log };
          await run({ root, configFile: false, logLevel: "warn", customLogger, ...config });
        });
        if (place === undefined) {
          assert.equal(failure, undefined);
          assert.ok((await written(root)).size > 0, "nothing was built");
        } else {
          await assertRefused(root, failure, place, secret);
        }
      });
    }
  });
}

async function assertRefused(root: string, failure: string | undefined, place: string | RegExp, secret = KEY): Promise<void> {
  assert.ok(failure, "the build passed");
  assert.ok(!failure.includes(secret), "the failure spells the secret");
  assert.ok(failure.includes(`…${secret.slice(-4)}`), failure);
  assert.ok(typeof place === "string" ? failure.includes(place) : place.test(failure), failure);
  assert.deepEqual([...(await written(root)).keys()], []);
}

/** An entry that is in no file. */
const entry = (code: string) => ({
  name: "entry",
  resolveId: (id: string) => (id === "entry" ? "\0entry" : null),
  load: (id: string) => (id === "\0entry" ? code : null),
});

test("Rollup fails in the same way, with one output or more", async () => {
  const root = await fixture({ "src/main.js": `export default ${json(KEY)};\n` });
  const bundle = await rollup({ input: join(root, "src/main.js"), plugins: [doorkey()] });
  for (const options of [{}, { sourcemap: true }, { format: "cjs" as const }]) {
    const failure = await outcome(() => bundle.write({ dir: join(root, "dist"), ...options }));
    await assertRefused(root, failure, "src/main.js:1");
  }
  await bundle.close();
});

test("Rolldown fails in the same way", async () => {
  const root = await fixture({ "src/main.js": `export default ${json(KEY)};\n` });
  const bundle = await rolldown({ input: join(root, "src/main.js"), plugins: [doorkey()] });
  const failure = await outcome(() => bundle.write({ dir: join(root, "dist") }));
  await assertRefused(root, failure, "src/main.js:1");
  await bundle.close();
});

test("secrets are told as the vectors have them", async () => {
  const isFound = async (text: string) => {
    const bundle = await rollup({ input: "entry", plugins: [entry(`export default ${json(text)};`), doorkey()] });
    return bundle.generate({}).then(() => false, (error: Error) => error.message.includes("publish a secret"));
  };
  const secret = [...keys.accepted.filter(({ kind }) => kind === "sk"), ...credentials.accepted];
  assert.ok(secret.length > 5);
  for (const { name, text } of secret) {
    assert.ok(await isFound(text), name);
    // Whatever a text has ahead of it.
    assert.ok(await isFound(`x${text}`), name);
    assert.ok(await isFound(`a_${text}`), name);
  }
  const open = [...keys.refused, ...credentials.refused, ...keys.accepted.filter(({ kind }) => kind === "pk")];
  for (const { name, text } of open.filter(({ text }) => !secret.some((whole) => text.includes(whole.text)))) {
    assert.ok(!(await isFound(text)), name);
  }
});

test("a file that is called like its secret does not tell it", async () => {
  const root = await fixture({ [`public/${KEY}.txt`]: KEY });
  const failure = await outcome(() => build({ root, configFile: false, logLevel: "silent", plugins: [doorkey()] }));
  await assertRefused(root, failure, "public/");
});

test("a secret is found where pieces of a large file meet", async () => {
  const root = await fixture({ "public/small.txt": "" });
  await writeFile(join(root, "public/large.bin"), `${" \n".repeat(8 * 1024 * 1024 - 20)}${KEY}\n`);
  const failure = await outcome(() => build({ root, configFile: false, logLevel: "silent", plugins: [doorkey()] }));
  await assertRefused(root, failure, `public/large.bin:${8 * 1024 * 1024 - 19}`);
});

test("the plugin's type fits each tool's", () => {
  const plugins: [VitePlugin, vite5.Plugin, RollupPlugin, RolldownPlugin] = [doorkey(), doorkey(), doorkey(), doorkey()];
  assert.deepEqual(new Set(plugins.map(({ name }) => name)), new Set(["doorkey"]));
});
