import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { searchFolder } from "./vite/folder.js";
import { findSecrets, mask, type Secret } from "./vite/secrets.js";

/** What the plugin reads of Vite's configuration. */
interface ViteConfig {
  root: string;
  publicDir: string;
  build: { ssr: boolean | string; copyPublicDir: boolean };
}

/** What the hooks use of Rollup's plugin context, and of Vite's. */
interface Context {
  error: (message: string) => never;
  environment?: { config: { consumer: string } };
}

interface Chunk {
  type: "chunk";
  fileName: string;
  code: string;
  map: { toString: () => string } | null;
  modules: Record<string, { code: string | null }>;
}

interface Asset {
  type: "asset";
  fileName: string;
  source: string | Uint8Array;
  originalFileNames?: string[];
}

/** A plugin for Vite, Rollup and Rolldown; its type fits each of theirs. */
export interface DoorkeyPlugin {
  name: "doorkey";
  apply: "build";
  enforce: "post";
  configResolved: (config: ViteConfig) => void;
  buildStart: (this: Context) => Promise<void>;
  generateBundle: {
    order: "post";
    handler: (this: Context, options: unknown, bundle: Record<string, Chunk | Asset>) => void;
  };
}

/**
 * Fails the build when a secret key, or a verifier credential, is about to be published: in a script, a page, a
 * stylesheet, a source map or any other file that the build emits, or in Vite's `publicDir`.
 *
 * Secrets are told by their checksum, so nothing else ever fails a build. The message names the file, the line of the
 * source where there is one, and the secret's last four characters; no file with a secret in it is written. What is built
 * for a server (Vite's `build.ssr`) is not looked at, nor is what other plugins write by themselves after the bundle.
 * For Vite 5, Rollup 4, Rolldown 1 and newer.
 *
 * @example
 * // vite.config.js
 * import { doorkey } from "@doorkey/browser/vite";
 *
 * export default { plugins: [doorkey()] };
 */
export function doorkey(): DoorkeyPlugin {
  let root = process.cwd();
  let publicDir: string | undefined;
  let isForServer = false;
  return {
    name: "doorkey",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      root = config.root;
      publicDir = config.publicDir && config.build.copyPublicDir ? config.publicDir : undefined;
      isForServer = Boolean(config.build.ssr);
    },
    async buildStart() {
      if (publicDir === undefined || isServer(this, isForServer)) return;
      const found = await searchFolder(publicDir);
      refuse(this, found.map(({ file, secret }) => ({ secret, place: `${relative(root, file)}:${secret.line}` })));
    },
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        if (!isServer(this, isForServer)) refuse(this, Object.values(bundle).flatMap((file) => searchOutput(file, bundle, root)));
      },
    },
  };
}

interface Finding {
  secret: Secret;
  place: string;
}

function isServer(context: Context, isForServer: boolean): boolean {
  const consumer = context.environment?.config.consumer;
  return consumer === undefined ? isForServer : consumer === "server";
}

function refuse(context: Context, findings: Finding[]): void {
  if (findings.length === 0) return;
  const lines = findings.map(({ secret, place }) => `- ${place} holds the ${secret.kind} ${mask(secret)}`);
  const advice = "Keep secrets on a server, and give the page a publishable key. Nothing that holds one was written.";
  let message = `this build would publish a secret:\n${[...new Set(lines)].join("\n")}\n${advice}`;
  // A file may be called like the secret in it.
  for (const { secret } of findings) message = message.replaceAll(secret.text, mask(secret));
  context.error(message);
}

function searchOutput(file: Chunk | Asset, bundle: Record<string, Chunk | Asset>, root: string): Finding[] {
  const { fileName } = file;
  if (file.type === "chunk") {
    const secrets = findSecrets(file.code);
    // With the map in the script or in no file, it is in no asset.
    const inMap = file.map && !(`${fileName}.map` in bundle) ? findSecrets(file.map.toString()) : [];
    return [...secrets, ...inMap].map((secret) => ({ secret, place: `${fileName}${originOf(secret, file, root)}` }));
  }
  const text = typeof file.source === "string" ? file.source : Buffer.from(file.source).toString("latin1");
  const chunk = fileName.endsWith(".map") ? bundle[fileName.slice(0, -4)] : undefined;
  return findSecrets(text).map((secret) => {
    const from = chunk?.type === "chunk" ? originOf(secret, chunk, root) : assetOrigin(secret, file, root);
    return { secret, place: `${fileName}${from}` };
  });
}

/** The source that a secret in a chunk came from. */
function originOf(secret: Secret, chunk: Chunk, root: string): string {
  const ids = Object.keys(chunk.modules);
  const source = ids.map((id) => spelledIn(secret, id, root)).find(Boolean);
  if (source) return `, from ${source},`;
  const module = ids.find((id) => findSecrets(chunk.modules[id]?.code ?? "").some(({ text }) => text === secret.text));
  // What no file spells was put there by `define`, or by a variable of the environment.
  return module ? `, from ${relative(root, module)} (by define, or by the environment),` : "";
}

function assetOrigin(secret: Secret, { originalFileNames = [] }: Asset, root: string): string {
  const source = originalFileNames.map((name) => spelledIn(secret, name, root)).find(Boolean);
  return source ? `, from ${source},` : `:${secret.line}`;
}

/** File and line, if the module is a file that spells the secret. */
function spelledIn(secret: Secret, id: string, root: string): string | undefined {
  const file = resolve(root, id.replace(/[?#].*$/, ""));
  if (id.startsWith("\0") || !existsSync(file)) return undefined;
  const found = findSecrets(readFileSync(file, "latin1")).find(({ text }) => text === secret.text);
  return found && `${relative(root, file)}:${found.line}`;
}
