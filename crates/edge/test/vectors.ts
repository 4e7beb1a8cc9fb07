// The shared vectors, the same in every runtime: what becomes of each, by name.
import grants from "../../../tests/vectors/grants.json";
import keyStrings from "../../../tests/vectors/key-strings.json";
import requests from "../../../tests/vectors/requests.json";
import secretKeys from "../../../tests/vectors/secret-keys.json";
import signedUrls from "../../../tests/vectors/signed-urls.json";
import tokens from "../../../tests/vectors/tokens.json";
import { createVerifier, DoorkeyError, signGrant, type RawRequest, type Verifier } from "@doorkey/verifier";
import { CREDENTIAL, FakeIssuer } from "./fake-issuer.js";
import { ISSUER } from "./signer.js";

interface Sent {
  method: string;
  target: string;
  headers: string[][];
  body?: string;
}

interface File {
  now: number;
  skew: number;
  audience: string;
  issuer?: string;
  jwks?: unknown;
  /** Those of the directory, where it takes one. */
  keys?: { key_id: string; x: string; environment: string }[];
}

/** The outcome of one vector. */
export interface Outcome {
  name: string;
  expected: string;
  outcome: string;
}

function verifierFor({ now, skew, issuer = ISSUER, audience, jwks, keys }: File): Verifier {
  // The verifier began long before: what was signed before its start it would refuse.
  let time = now - 3600;
  const directory = keys?.map(({ key_id, x, environment }) => ({ id: key_id, public_key: x, environment }));
  const source = directory
    ? { credential: CREDENTIAL, fetch: new FakeIssuer({ keys: [] }, ...directory).fetch }
    : { fetch: async () => Response.json(jwks) };
  const verifier = createVerifier({ issuer, audience, skew, clock: () => time * 1000, ...source });
  time = now;
  return verifier;
}

async function judge(verifier: Verifier, request: RawRequest): Promise<string> {
  try {
    const { scopes } = await verifier.verify(request);
    return scopes.length > 0 ? "accepted" : "accepted without scopes";
  } catch (error) {
    return error instanceof DoorkeyError ? error.code : String(error);
  }
}

const utf8 = new TextEncoder();

export const rawOf = ({ method, target, headers, body }: Sent): RawRequest => ({
  method,
  target,
  headers: headers as [string, string][],
  ...(body !== undefined && { body: utf8.encode(body) }),
});

function flip(text: string, at: number): string {
  const other = text[at] === "A" ? "B" : "A";
  return text.slice(0, at) + other + text.slice(at + 1);
}

function* mutatedParts(request: Sent): Generator<[string, Sent]> {
  yield ["method", { ...request, method: request.method === "GET" ? "GEX" : flip(request.method, 0) }];
  yield ["target", { ...request, target: flip(request.target, 1) }];
  yield ["body", { ...request, body: request.body ? flip(request.body, 0) : "A" }];
}

/** The same with one byte changed, in each of the places that make up a request. */
function* mutated(request: Sent): Generator<[string, Sent]> {
  // A key that is shown signs nothing.
  const isShown = request.headers.some(([name, value = ""]) => name === "authorization" && /^(bearer|basic) /i.test(value));
  if (!isShown) yield* mutatedParts(request);
  for (const [i, header] of request.headers.entries()) {
    const [name = "", value = ""] = header;
    if (!["authorization", "signature", "signature-input", "content-digest", "content-type"].includes(name)) continue;
    const at = Math.floor(value.length / 2);
    const headers = request.headers.map((other, j) => (i === j ? [name, flip(value, at)] : other));
    yield [name, { ...request, headers }];
  }
}

/** Goes through all files. */
export async function run(): Promise<Record<string, Outcome[]>> {
  const table: Record<string, Outcome[]> = {};
  for (const [title, file] of Object.entries({ requests, "signed-urls": signedUrls, "secret-keys": secretKeys })) {
    const rows: Outcome[] = (table[title] = []);
    const changed: Outcome[] = (table[`${title}, one byte changed`] = []);
    const shared = verifierFor(file);
    for (const { name, code, request, ...more } of file.vectors) {
      const before = "before" in more ? (more.before as Sent[]) : [];
      for (const verifier of [verifierFor(file), shared]) {
        for (const earlier of before) await judge(verifier, rawOf(earlier));
        rows.push({ name, expected: code, outcome: await judge(verifier, rawOf(request)) });
      }
      if (code !== "accepted") continue;
      for (const [place, other] of mutated(request)) {
        const outcome = await judge(verifierFor(file), rawOf(other));
        changed.push({ name: `${name}: ${place}`, expected: "refused", outcome: outcome === "accepted" ? outcome : "refused" });
      }
    }
  }
  // A token that stands alone: a good one is refused for its missing proof and for nothing else.
  const verifier = verifierFor(tokens);
  table["tokens"] = [];
  for (const { name, token, ...more } of [...tokens.accepted, ...tokens.refused]) {
    const headers = [["host", "api.example.com"] as const, ["authorization", `Doorkey ${token}`] as const];
    const outcome = await judge(verifier, { method: "GET", target: "/", headers });
    // A header with a scheme alone holds no token that could be malformed.
    const refusal = token === "" ? "credential_missing" : "code" in more ? (more.code as string) : "proof_missing";
    table["tokens"].push({ name, expected: refusal, outcome });
  }
  table["grants"] = grants.accepted.map(({ name, claims }) => ({ name, expected: expectedOf(claims), outcome: grantOf(claims) }));
  return table;
}

type GrantClaims = Record<string, unknown> & { aud: string; iat: number; exp: number };

/** The key that the grants of the vectors are signed with, too. */
const SECRET_KEY = keyStrings.accepted.find(({ name }) => name === "secret, live")?.text ?? "";

/** What a grant says beyond when it was made and under which id. */
const expectedOf = ({ iat, exp, jti: _, ...claims }: GrantClaims): string =>
  JSON.stringify(Object.entries({ ...claims, life: exp - iat }).sort(([a], [b]) => (a < b ? -1 : 1)));

function grantOf({ aud, sub, scope, bind, iat, exp }: GrantClaims): string {
  const { method, path, content_digest, max_bytes } = (bind ?? {}) as Record<string, never>;
  try {
    const grant = signGrant(SECRET_KEY, {
      issuer: aud,
      ...(sub !== undefined && { subject: sub as string }),
      ...(scope !== undefined && { scope: scope as string }),
      ...(bind !== undefined && {
        bind: {
          ...(method !== undefined && { method }),
          ...(path !== undefined && { path }),
          ...(content_digest !== undefined && { contentDigest: content_digest }),
          ...(max_bytes !== undefined && { maxBytes: max_bytes }),
        },
      }),
      expiresIn: exp - iat,
    });
    const [, payload = ""] = grant.split(".");
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return expectedOf(JSON.parse(new TextDecoder().decode(bytes)) as GrantClaims);
  } catch (error) {
    return error instanceof DoorkeyError ? error.code : String(error);
  }
}
