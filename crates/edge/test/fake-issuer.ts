// An issuer that says what a test wants it to, in any runtime: it answers by the `fetch` that a verifier is given.
import credentials from "../../../tests/vectors/verifier-credentials.json";
import { ISSUER } from "./signer.js";

/** A verifier's credential of {@link ISSUER}. */
export const CREDENTIAL = credentials.accepted.find(({ issuer }) => issuer === ISSUER)?.text ?? "";

/** A key as the directory tells of it. */
export interface DirectoryKey {
  id: string;
  kind?: string;
  public_key?: string;
  revoked?: boolean;
  [member: string]: unknown;
}

/** A batch of usage, as verifiers report it. */
export interface Reported {
  spool: string;
  sequence: number;
  counts: { key: string; hour: number; outcome: string; count: number; last_at: number }[];
}

export const problem = (code: string, status: number, more: object = {}): Response =>
  new Response(JSON.stringify({ code, status, ...more }), { status, headers: { "content-type": "application/problem+json" } });

/** Answers as the issuer does, unless `answer` or `take` say something else. */
export class FakeIssuer {
  /** Tells of a change, and of everything to who begins. */
  history = "h1";
  /** The queries that the directory was asked with. */
  readonly asked: string[] = [];
  readonly reports: Reported[] = [];
  /** Answers for the directory. */
  answer: (init: RequestInit) => Response | Promise<Response> = () => new Response(this.lines());
  /** Answers reports. */
  take: () => Response | Promise<Response> = () => new Response(null, { status: 204 });
  #changes: { revision: number; line: object }[] = [];
  #revision = 0;

  constructor(jwks: unknown, ...keys: DirectoryKey[]) {
    this.change({ settings: { issuer: ISSUER, jwks } });
    for (const key of keys) this.set(key);
  }

  /** A key as it is from now on. */
  set(key: DirectoryKey): void {
    const usual = {
      kind: "secret",
      environment: "live",
      organization: "org_01h455vb4pex5vr0r30c1g60r3",
      workspace: "wsp_01h455vb4pex5vr1040g208104",
      ...(key.kind !== "publishable" && { brand: "" }),
      scopes: "pictures:read",
    };
    this.change({ key: { ...usual, ...key } });
  }

  change(line: object): void {
    this.#revision += 1;
    this.#changes.push({ revision: this.#revision, line });
  }

  /** What the issuer answers to the query that came last. */
  lines(): string {
    const query = new URLSearchParams(this.asked.at(-1));
    const since = query.get("history") === this.history ? Number(query.get("since")) : 0;
    const changes = this.#changes.filter(({ revision }) => revision > since).map(({ line }) => line);
    const all = [{ begin: { history: this.history, since } }, ...changes, { synced: { revision: this.#revision, after_ms: 0 } }];
    return all.map((line) => `${JSON.stringify(line)}\n`).join("");
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { origin, pathname, search } = new URL(url);
    const headers = new Headers(init.headers);
    const isSigned = headers.get("signature-input")?.startsWith("dk=(") && headers.has("signature");
    if (origin !== ISSUER || !isSigned) return problem("proof_missing", 401);
    if (pathname === "/v1/directory" && !init.method) {
      this.asked.push(search);
      return this.answer(init);
    }
    if (pathname === "/v1/usage" && init.method === "POST") {
      this.reports.push(JSON.parse(new TextDecoder().decode(init.body as Uint8Array)) as Reported);
      return this.take();
    }
    return problem("not_found", 404);
  };
}
