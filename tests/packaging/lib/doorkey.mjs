// The issuer on a fresh SQLite file, and the sample API behind the real verifier: one of each for all tests.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doorkey, pictures } from "./places.mjs";
import { run, start } from "./process.mjs";

const settings = (api) => `audiences = ["${api}"]

[[scopes]]
name = "pictures:read"
description = "List pictures and look at them"
browser = true

[[scopes]]
name = "pictures:write"
description = "Upload pictures"
browser = true
`;

/** A port that nobody has: the issuer must know the API's origin before there is an API. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Starts both; yields their origins, the publishable key, and how to stop them. */
export async function startDoorkey() {
  const data = await mkdtemp(join(tmpdir(), "doorkey-packaging-"));
  const stops = [() => rm(data, { recursive: true })];
  const stop = async () => {
    while (stops.length > 0) await stops.pop()();
  };
  try {
    const listen = `127.0.0.1:${await freePort()}`;
    const api = `http://${listen.replace("127.0.0.1", "localhost")}`;
    await writeFile(join(data, "doorkey.toml"), settings(api));
    const issuer = await start(doorkey, ["serve", "--json", "--listen", "127.0.0.1:0", "--data", data], { cwd: data, ready: /^\{"address".*/ });
    stops.push(issuer.stop);
    const { issuer: origin, publishable_key: publishableKey } = JSON.parse(issuer.match[0]);

    const folder = join(data, "api");
    await mkdir(folder);
    const added = await run(doorkey, ["verifiers", "add", "Sample API", "--data", data], data);
    await writeFile(join(folder, "credential"), added.stdout);
    const service = await start(pictures, [origin, api, listen, folder], { cwd: data, ready: /^ready on/ });
    stops.push(service.stop);
    // What tests go by: who signs nothing gets nothing.
    assert.equal((await fetch(`${api}/pictures`)).status, 401);
    return { issuer: origin, api, publishableKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
