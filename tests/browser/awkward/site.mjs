// Serves the SDK as it was built, and a page that loads it, with the Content-Security-Policy that its query asks for.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { stopServer } from "./front.mjs";

const dist = new URL("../../../crates/browser/dist/", import.meta.url);
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

const PAGE = `<!doctype html><html lang="en"><title>Page</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script></html>`;
const SCRIPT = `
import { createClient, DoorkeyError } from "/sdk/index.js";
addEventListener("pageshow", (event) => { globalThis.persisted = event.persisted; });
Object.assign(globalThis, { createClient, DoorkeyError, ready: true });
`;

export async function startSite() {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const file = /^\/sdk\/([\w.]+)$/.exec(pathname)?.[1];
    if (file) {
      const content = await readFile(new URL(file, dist)).catch(() => undefined);
      if (!content) return response.writeHead(404).end();
      return response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(content);
    }
    if (pathname === "/page.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(SCRIPT);
    const policy = searchParams.get("csp");
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...(policy && { "content-security-policy": policy }) });
    return response.end(pathname === "/" ? PAGE : "<!doctype html><title>Other</title>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { origin: `http://localhost:${server.address().port}`, stop: () => stopServer(server) };
}
