// An issuer and a gate as operators run them, each behind a front that can fail as networks do.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startFront } from "./front.mjs";
import { startService } from "./service.mjs";
import { startSite } from "./site.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const doorkey = join(resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "debug/doorkey");

// The caller's own Doorkey is none of the tests' business.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("DOORKEY_")));

const SETTINGS = `
[[scopes]]
name = "pictures:read"
description = "See pictures"
browser = true
`;

/** Runs a command of `doorkey` to its end; yields what it prints. */
async function print(data, ...args) {
  const { stdout } = await promisify(execFile)(doorkey, [...args, "--data", data], { env: { ...environment, DOORKEY_LOG: "error" } });
  return stdout.trim();
}

/** Starts a server of `doorkey`; yields its ready line and how to stop it. */
async function serve(args, more = {}) {
  const env = { ...environment, DOORKEY_LOG: "error", ...more };
  const child = spawn(doorkey, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then(([code]) => Promise.reject(new Error(`doorkey ${args[0]} ended with ${code} before it was ready`))),
  ]);
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { ready: JSON.parse(line), stop };
}

const PASSWORD = "correct horse battery staple";

/** The first admin, signed in, who has just confirmed the password. */
async function setUp(origin, link) {
  const post = (path, body, headers = {}) =>
    fetch(origin + path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  const answer = await post("/v1/setup", {
    token: link.split("#token=")[1], email: "ada@example.com", name: "Ada", password: PASSWORD,
  });
  if (answer.status !== 201) throw new Error(await answer.text());
  const cookie = answer.headers.getSetCookie()[0].split(";")[0];
  const admin = async (path, body) => {
    const done = await post(path, body, { cookie });
    const text = await done.text();
    if (!done.ok) throw new Error(text);
    return text && JSON.parse(text);
  };
  await admin("/v1/sign-ins/confirm", { password: PASSWORD });
  return admin;
}

/**
 * Starts all of it on free ports: the page on `site`, `doorkey serve` behind `issuer`, and behind `api` a `doorkey gate`
 * with a service behind it.
 */
export async function startHouse() {
  const data = await mkdtemp(join(tmpdir(), "doorkey-awkward-"));
  const stops = [() => rm(data, { recursive: true })];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  const begin = async (starting) => {
    const started = await starting;
    stops.push(started.stop);
    return started;
  };
  try {
    const [service, site, issuer, api] = [
      await begin(startService()), await begin(startSite()), await begin(startFront()), await begin(startFront()),
    ];
    await writeFile(join(data, "doorkey.toml"), SETTINGS);
    const server = await begin(serve([
      "serve", "--json", "--listen", "127.0.0.1:0", "--public-url", issuer.origin, "--audience", api.origin, "--data", data,
    ]));
    issuer.behind(server.ready.address);
    const folder = join(data, "verifier");
    await mkdir(folder);
    const gate = await begin(serve([
      "gate", "--json", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data", folder, "--body-limit", "64MiB",
      "--audience", api.origin, "--upstream", service.origin, "--issuer-address", `http://${server.ready.address}`,
    ], { DOORKEY_VERIFIER: await print(data, "verifiers", "add", "gate") }));
    api.behind(gate.ready.address);
    const createKey = async (...args) => JSON.parse(await print(data, "keys", "create", "--publishable", "--test", "--json", ...args));
    return {
      service, site, issuer, api, stop, createKey,
      publishableKey: server.ready.publishable_key,
      revoke: (id) => print(data, "keys", "revoke", id),
      /** Posts to the issuer's REST API as an admin does. */
      signIn: () => setUp(`http://${server.ready.address}`, server.ready.setup_url),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
