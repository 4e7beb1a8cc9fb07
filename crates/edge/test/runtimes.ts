// Scripts for other runtimes than Node, from the package as those get it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import workerd from "workerd";

// The bundle of this file stands in dist/test.
const root = fileURLToPath(new URL("../../", import.meta.url));

/** Makes one script, which may import what stands beside this file. */
export async function bundle(conditions: string[], stdin: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents: stdin, resolveDir: join(root, "test"), loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    conditions,
    outfile,
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    logLevel: "error",
  });
}

/** Runs a worker in workerd for as long as `use` takes. */
export async function inWorkerd(worker: string, use: (origin: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
  try {
    await bundle(["workerd"], worker, join(folder, "worker.js"));
    await writeFile(
      join(folder, "config.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "worker.js", esModule = embed "worker.js"),
      (name = "doorkey_edge_bg.wasm", wasm = embed "doorkey_edge_bg.wasm"),
    ],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
    );
    // It writes where it listens to a pipe of ours.
    const process = spawn(workerd.default, ["serve", "--control-fd=3", join(folder, "config.capnp")], {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    const ended = once(process, "exit");
    try {
      const control = process.stdio[3] as NodeJS.ReadableStream;
      let told = "";
      const port = await new Promise<number>((resolve, reject) => {
        control.on("data", (piece: Buffer) => {
          told += piece.toString();
          const line = told.split("\n").find((line) => line.includes('"listen"') && line.endsWith("}"));
          if (line) resolve((JSON.parse(line) as { port: number }).port);
        });
        ended.then(() => reject(new Error("workerd has ended")), reject);
      });
      await use(`http://127.0.0.1:${port}/`);
    } finally {
      process.kill();
      await ended;
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
