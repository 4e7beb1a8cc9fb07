// An issuer and a browser, written a second time with WebCrypto alone: what the verifier has to take from others.

export const ISSUER = "https://keys.example.com";
export const API = "https://api.example.com";

const utf8 = new TextEncoder();

export function base64url(bytes: Uint8Array | ArrayBuffer | string): string {
  const raw = typeof bytes === "string" ? utf8.encode(bytes) : new Uint8Array(bytes);
  return btoa(String.fromCharCode(...raw)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

interface Pair {
  x: string;
  thumbprint: string;
  sign: (message: string) => Promise<Uint8Array>;
}

async function makePair(): Promise<Pair> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const { x = "" } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const thumbprint = base64url(await sha256(utf8.encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));
  const sign = async (message: string) =>
    new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, utf8.encode(message)));
  return { x, thumbprint, sign };
}

export interface SignedRequest {
  method: string;
  target: string;
  headers: [string, string][];
  body?: Uint8Array;
}

/** An issuer with one session; `now` is in Unix seconds. */
export class World {
  fetches = 0;

  private constructor(
    private readonly issuer: Pair,
    private readonly session: Pair,
    readonly token: string,
    readonly authority: string,
  ) {}

  static async begin(now: number, api = API, issuer = ISSUER): Promise<World> {
    const [own, session] = await Promise.all([makePair(), makePair()]);
    const header = { alg: "EdDSA", typ: "at+jwt", kid: own.thumbprint };
    const claims = {
      iss: issuer,
      aud: [api],
      sub: "user-42",
      client_id: "key_01h455vb4pex5vr081040g2081",
      iat: now,
      exp: now + 600,
      jti: "ses_01h455vb4pex5vr0g2081040g2",
      scope: "pictures:read pictures:write",
      cnf: { jkt: session.thumbprint },
      doorkey: {
        org: "org_01h455vb4pex5vr0r30c1g60r3",
        workspace: "wsp_01h455vb4pex5vr1040g208104",
        env: "test",
        origin: "https://shop.example",
      },
    };
    const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
    const token = `${input}.${base64url(await own.sign(input))}`;
    return new World(own, session, token, new URL(api).host);
  }

  /** A session that an issuer has minted, as the SDK has it minted. */
  static async mint(issuer: string, publishableKey: string, api: string, origin: string): Promise<World> {
    const session = await makePair();
    const url = `${issuer}/v1/sessions`;
    const jti = base64url(crypto.getRandomValues(new Uint8Array(12)));
    const claims = { publishable_key: publishableKey, aud: url, iat: Math.floor(Date.now() / 1000), jti };
    const header = { alg: "EdDSA", typ: "doorkey-mint+jwt", jwk: { kty: "OKP", crv: "Ed25519", x: session.x } };
    const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
    const body = `${input}.${base64url(await session.sign(input))}`;
    const response = await fetch(url, { method: "POST", body, headers: { origin } });
    const { token } = (await response.json()) as { token?: string };
    if (!token) throw new Error(`no session: ${response.status}`);
    return new World(session, session, token, new URL(api).host);
  }

  get jwks(): string {
    return JSON.stringify({ keys: [{ kty: "OKP", crv: "Ed25519", x: this.issuer.x }] });
  }

  /** Answers as the issuer does. */
  readonly fetch = async (): Promise<Response> => {
    this.fetches += 1;
    return new Response(this.jwks);
  };

  /** A request as the SDK sends it. */
  async sign(now: number, method: string, target: string, body?: Uint8Array, type = "text/plain"): Promise<SignedRequest> {
    const [path, query] = target.split(/(?=\?)/, 2) as [string, string?];
    const authorization = `Doorkey ${this.token}`;
    const names = ["@method", "@authority", "@path", "@query", "authorization"];
    const values = [method, this.authority, path, query ?? "?", authorization];
    const headers: SignedRequest["headers"] = [
      ["host", this.authority],
      ["authorization", authorization],
    ];
    if (body?.length) {
      const digest = `sha-256=:${btoa(String.fromCharCode(...(await sha256(body))))}:`;
      names.push("content-type", "content-digest");
      values.push(type, digest);
      headers.push(["content-type", type], ["content-digest", digest]);
    }
    const nonce = base64url(crypto.getRandomValues(new Uint8Array(18)));
    const parameters = `;created=${now};expires=${now + 60};nonce="${nonce}";keyid="${this.session.x}";tag="doorkey"`;
    const input = `(${names.map((name) => `"${name}"`).join(" ")})${parameters}`;
    const lines = names.map((name, i) => `"${name}": ${values[i]}`);
    const signature = await this.session.sign([...lines, `"@signature-params": ${input}`].join("\n"));
    headers.push(["signature-input", `dk=${input}`], ["signature", `dk=:${btoa(String.fromCharCode(...signature))}:`]);
    return { method, target, headers, ...(body && { body }) };
  }
}

export const toRequest = (api: string, { method, target, headers, body }: SignedRequest): Request =>
  new Request(api + target, { method, headers, body: (body as Uint8Array<ArrayBuffer>) ?? null });
