// Starts the demo as a user would, on free ports, and stops it as a user would.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** The first of three consecutive free ports. */
async function freePorts() {
  for (let port = 20_000 + Math.floor(Math.random() * 20_000); ; port += 3) {
    if ((await Promise.all([port, port + 1, port + 2].map(isFree))).every(Boolean)) return port;
  }
}

/** Runs `cargo xtask demo --json`; yields what its line says, and how to stop it. */
export async function startDemo() {
  const port = await freePorts();
  const child = spawn("cargo", ["xtask", "demo", "--json", "--port", String(port)], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then(([code]) => Promise.reject(new Error(`the demo ended with ${code} before it was ready`))),
  ]);
  const demo = JSON.parse(line);
  const stop = async () => {
    child.kill("SIGINT");
    const [code] = await ended;
    return { code, freed: await Promise.all([port, port + 1, port + 2].map(isFree)) };
  };
  return { ...demo, stop };
}
