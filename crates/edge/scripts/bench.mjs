// Prints what `verify` of a known session's GET costs, beside one Ed25519 verification by OpenSSL and beside jose, in turn
// within one process: take the ratios.
import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { createVerifier } from "@doorkey/verifier";
import { importJWK, jwtVerify, SignJWT } from "jose";
import { build } from "esbuild";

const bundled = await build({ entryPoints: ["test/signer.ts"], bundle: true, write: false, format: "esm" });
const { World, API, ISSUER, toRequest } = await import(
  `data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].contents).toString("base64")}`
);

const ROUNDS = 15;
const EACH = 500;
const now = Math.floor(Date.now() / 1000) + 2;
const world = await World.begin(now);

let clock = now - 3600;
const ours = createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, clock: () => clock * 1000 });
clock = now;
const make = (count) => Promise.all(Array.from({ length: count }, (_, i) => world.sign(now, "GET", `/pictures/${i}?size=2`)));

const pair = generateKeyPairSync("ed25519");
const message = Buffer.alloc(972, 97);
const signature = sign(null, message, pair.privateKey);
const publicKey = createPublicKey(pair.publicKey.export({ format: "pem", type: "spki" }));
const jwk = await importJWK(pair.publicKey.export({ format: "jwk" }), "EdDSA");
const jwt = await new SignJWT({ sub: "u" })
  .setProtectedHeader({ alg: "EdDSA" })
  .setIssuer(ISSUER)
  .setAudience(API)
  .setExpirationTime("1h")
  .sign(pair.privateKey);

const CASES = {
  "crypto.verify, Ed25519, 972 bytes": async () => {
    for (let i = 0; i < EACH; i++) verify(null, message, publicKey, signature);
  },
  "verifier.verify, raw head": async (signed) => {
    for (const request of signed) await ours.verify(request);
  },
  "verifier.verify, Request": async (signed) => {
    for (const request of signed) await ours.verify(toRequest(API, request));
  },
  "jose.jwtVerify": async () => {
    for (let i = 0; i < EACH; i++) await jwtVerify(jwt, jwk, { issuer: ISSUER, audience: API });
  },
};
const times = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, work] of Object.entries(CASES)) {
    const signed = name.startsWith("verifier") ? await make(EACH) : [];
    const start = process.cpuUsage();
    await work(signed);
    const { user, system } = process.cpuUsage(start);
    times[name].push((user + system) / EACH);
  }
}
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const base = median(times["crypto.verify, Ed25519, 972 bytes"]);
for (const [name, list] of Object.entries(times)) {
  console.log(`${name.padEnd(36)} ${median(list).toFixed(1).padStart(8)} µs  ${(median(list) / base).toFixed(2)}`);
}
