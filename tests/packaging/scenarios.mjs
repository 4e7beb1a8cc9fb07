// Which apps there are, how each is built, and at which addresses it must work.

import { join } from "node:path";
import { start } from "./lib/process.mjs";
import { serve } from "./lib/serve.mjs";

/** The programs that build each app, as its starter's scripts or the tool's first page of documentation have it. */
export const BUILDS = {
  script: [],
  // Early, for it takes longer than all others.
  next: [["next", "build"]],
  vite: [["tsc"], ["vite", "build"]],
  "vite-worker": [["tsc"], ["vite", "build"]],
  "vite-react": [["tsc", "-b"], ["vite", "build"]],
  webpack: [["webpack", "--mode=production"]],
  esbuild: [
    ["esbuild", "main.js", "--bundle", "--format=esm", "--outdir=dist"],
    ["esbuild", "classic.js", "--bundle", "--outdir=dist"],
  ],
  rollup: [["rollup", "--config"]],
  "service-worker": [["esbuild", "source.js", "--bundle", "--outfile=bundled.js"]],
};

/** The policy that the SDK's README tells. */
const policy = ({ issuer, api }, { wasm = " 'wasm-unsafe-eval'" } = {}) => ({
  "content-security-policy": `default-src 'none'; script-src 'self'${wasm}; connect-src ${issuer} ${api}; img-src 'self'`,
});

/** A folder of the app on our own server. */
const files =
  (path = ".", headers = () => ({})) =>
  (app, doorkey) =>
    serve(join(app, path), headers(doorkey));

/** The tool's own server on a free port. */
const command =
  (...args) =>
  async (app) => {
    const server = await start(args[0], args.slice(1), { cwd: app, ready: /Local:\s+(http\S+?)\/?$/ });
    return { ...server, origin: server.match[1] };
  };

const strict = (options) => (doorkey) => policy(doorkey, options);

const accepted = { listed: 200, stored: 201 };
const refusedBy = (directive) => ({ isDoorkeyError: true, code: "sdk_unavailable", message: directive });

/** What browsers say by themselves where a policy forbids WebAssembly. */
const FORBIDDEN = /^console: CSP script-src: wasm-eval|^page error: Error: Content-Security-Policy: .* blocked WebAssembly/;

/** What an app's folder is served by, what to open there, what the server must have rendered, and what the page must state. */
export const SCENARIOS = [
  { name: "plain script", app: "script", server: files(), expected: { ...accepted, held: "webcrypto" } },
  { name: "plain script, key in wasm", app: "script", server: files(), path: "/?custody=wasm", expected: { ...accepted, held: "wasm" } },
  { name: "import map", app: "script", server: files(), path: "/importmap.html" },
  { name: "module worker", app: "script", server: files(), path: "/worker.html" },
  { name: "Vite, dev server", app: "vite", server: command("vite", "--port", "0") },
  { name: "Vite, preview", app: "vite", server: command("vite", "preview", "--port", "0") },
  { name: "Vite, under a strict policy", app: "vite", server: files("dist", strict()) },
  { name: "module worker, Vite, dev server", app: "vite-worker", server: command("vite", "--port", "0") },
  { name: "module worker, Vite, preview", app: "vite-worker", server: command("vite", "preview", "--port", "0") },
  { name: "React and our plugin, Vite, dev server", app: "vite-react", server: command("vite", "--port", "0") },
  { name: "React and our plugin, Vite, under a strict policy", app: "vite-react", server: files("dist", strict()) },
  { name: "webpack, under a strict policy", app: "webpack", server: files("dist", strict()) },
  { name: "esbuild, under a strict policy", app: "esbuild", server: files("dist", strict()) },
  { name: "esbuild, classic script, under a strict policy", app: "esbuild", server: files("dist", strict()), path: "/classic.html" },
  { name: "Rollup, under a strict policy", app: "rollup", server: files("dist", strict()) },
  { name: "service worker", app: "service-worker", server: files(), path: "/?worker=worker.js" },
  { name: "service worker, esbuild", app: "service-worker", server: files(), path: "/?worker=bundled.js" },
  {
    name: "service worker, with the entry that loads the rest later",
    app: "service-worker",
    server: files(),
    path: "/refused.html",
    expected: refusedBy("In a service worker import @doorkey/browser/inline"),
  },
  { name: "Next.js", app: "next", server: command("next", "start", "--hostname", "localhost", "--port", "0"), html: '<p id="rendered">DoorkeyError</p>' },
  { name: "plain script, under a strict policy", app: "script", server: files(".", strict()), expected: { ...accepted, held: "webcrypto" } },
  { name: "all in one file, under a strict policy", app: "script", server: files(".", strict()), path: "/inline.html" },
  {
    name: "a policy without 'wasm-unsafe-eval'",
    app: "script",
    server: files(".", strict({ wasm: "" })),
    path: "/refused.html",
    expected: refusedBy("'wasm-unsafe-eval'"),
    ignored: FORBIDDEN,
  },
  {
    name: "a policy without 'wasm-unsafe-eval', all in one file",
    app: "script",
    server: files(".", strict({ wasm: "" })),
    path: "/inline-refused.html",
    expected: refusedBy("'wasm-unsafe-eval'"),
    ignored: FORBIDDEN,
  },
].map((scenario) => ({ path: "/", expected: accepted, ...scenario }));
