import { sha256, toBase64, toBase64Url } from "./bytes.ts";
import { readJws, type ReadableJws, type TokenClaims } from "./jws.ts";

/** One covered component (RFC 9421, section 2). */
export interface Component {
  name: string;
  /** The value that the signature covers. */
  covered: string;
  /** The value that reached the server, where somebody changed it. */
  sent?: string;
}

/** A request with a Doorkey proof, taken apart for reading. */
export interface SignedRequest {
  kind: "proof";
  components: Component[];
  parameters: [name: string, value: string][];
  token: ReadableJws | undefined;
  /** RFC 7638 thumbprint of the key that signed. */
  signerThumbprint: string;
}

export type Signed =
  | SignedRequest
  | { kind: "mint"; jws: ReadableJws }
  | { kind: "unsigned"; authorization: string };

/**
 * Says what is signed in `request`. `captured` is the request as its rightful sender signed it, where `request` is what an
 * attacker made of it.
 */
export async function readSigned(request: Request, captured: Request = request): Promise<Signed> {
  const input = captured.headers.get("signature-input");
  if (input) return readProof(input, request, captured);
  const jws = request.method === "POST" ? readJws(await request.clone().text()) : undefined;
  return jws ? { kind: "mint", jws } : { kind: "unsigned", authorization: masked(request) };
}

async function readProof(input: string, request: Request, captured: Request): Promise<SignedRequest> {
  const [, covered = "", rest = ""] = /^[^=]+=\(([^)]*)\)(.*)$/.exec(input) ?? [];
  const parameters = [...rest.matchAll(/;([a-z]+)=("[^"]*"|[^;]*)/g)].map(
    ([, name = "", value = ""]): [string, string] => [name, value.replaceAll('"', "")],
  );
  const components = await Promise.all(
    [...covered.matchAll(/"([^"]+)"/g)].map(async ([, name = ""]): Promise<Component> => {
      const value = componentOf(captured, name);
      const sent = request === captured ? value : await arrivingValue(request, name);
      return value === sent ? { name, covered: value } : { name, covered: value, sent };
    }),
  );
  return {
    kind: "proof",
    components,
    parameters,
    token: readJws((captured.headers.get("authorization") ?? "").replace(/^Doorkey /, "")),
    signerThumbprint: await thumbprint(parameters.find(([name]) => name === "keyid")?.[1] ?? ""),
  };
}

function componentOf(request: Request, name: string): string {
  const url = new URL(request.url);
  switch (name) {
    case "@method":
      return request.method;
    case "@authority":
      return url.host;
    case "@path":
      return url.pathname;
    case "@query":
      return url.search || "?";
    default:
      return request.headers.get(name) ?? "";
  }
}

/** As `componentOf`, but the digest is of the body that is really sent. */
async function arrivingValue(request: Request, name: string): Promise<string> {
  if (name !== "content-digest") return componentOf(request, name);
  const digest = await sha256(await request.clone().arrayBuffer());
  return `sha-256=:${toBase64(digest)}:`;
}

async function thumbprint(x: string): Promise<string> {
  const jwk = JSON.stringify({ crv: "Ed25519", kty: "OKP", x });
  return toBase64Url(await sha256(new TextEncoder().encode(jwk)));
}

/** The credential's scheme and kind, never the credential. */
function masked(request: Request): string {
  const authorization = request.headers.get("authorization") ?? "";
  const [, visible = "", last = ""] = /^(\S+ (?:\w+_)*)\w*(\w{4})$/.exec(authorization) ?? [];
  return visible && `${visible}…${last}`;
}

export function tokenClaims(signed: SignedRequest): TokenClaims | undefined {
  const claims = signed.token?.claims as Partial<TokenClaims> | undefined;
  return claims?.cnf?.jkt && claims.doorkey?.origin && claims.exp ? (claims as TokenClaims) : undefined;
}
