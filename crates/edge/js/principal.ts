import { engine } from "./engine.js";

/** A principal as JSON: what a native handler answers with `Json(principal)`, to the member. */
export interface PrincipalJson {
  key_id: string;
  kind: "publishable" | "secret";
  session_id: string | null;
  subject: string;
  organization: string;
  workspace: string | null;
  environment: "live" | "test";
  origin: string | null;
  scopes: string[];
}

/** @internal What Rust says of an accepted request. */
export interface AcceptedJson extends PrincipalJson {
  rate_limit_headers: Record<string, string>;
}

/** Who calls, and with what rights. It can only be had from a request that was accepted. */
export class Principal {
  /** The publishable key that the session was minted with, or the secret key itself, `key_…`. */
  readonly keyId: string;
  /** Whether a session of a publishable key calls, or a secret key. */
  readonly kind: "publishable" | "secret";
  /** The session, `ses_…`; `null` for a secret key. */
  readonly sessionId: string | null;
  /** The end user that a grant named, or else the key's id. */
  readonly subject: string;
  /** The organization that the key belongs to, `org_…`. */
  readonly organization: string;
  /** The workspace, `wsp_…`, unless the key belongs to the organization itself. */
  readonly workspace: string | null;
  /** Live or test. */
  readonly environment: "live" | "test";
  /** The page's origin; `null` for a secret key. */
  readonly origin: string | null;
  /** What the caller may do, `resource:action`; to ask about one use {@link hasScope}, which knows narrowed ones. */
  readonly scopes: readonly string[];
  /**
   * What the response shall say of the limit of which least is left: the headers `ratelimit-policy` and `ratelimit`, or none
   * where nothing is limited. The middleware sets them; elsewhere hand them on, `new Response(body, { headers })`.
   */
  readonly rateLimitHeaders: Readonly<Record<string, string>>;

  /** @internal */
  constructor(json: AcceptedJson) {
    this.keyId = json.key_id;
    this.kind = json.kind;
    this.sessionId = json.session_id;
    this.subject = json.subject;
    this.organization = json.organization;
    this.workspace = json.workspace;
    this.environment = json.environment;
    this.origin = json.origin;
    this.scopes = Object.freeze(json.scopes);
    this.rateLimitHeaders = Object.freeze(json.rate_limit_headers);
    Object.freeze(this);
  }

  /**
   * Whether the caller has a scope.
   *
   * @throws {@link DoorkeyError} `invalid_input` for what is no scope.
   */
  hasScope(scope: string): boolean {
    return engine().run((glue) => glue.permits(this.scopes.join(" "), String(scope)));
  }

  /**
   * Refuses unless the caller has a scope.
   *
   * @throws {@link DoorkeyError} `insufficient_scope`; `invalid_input` for what is no scope.
   */
  require(scope: string): void {
    engine().run((glue) => glue.require(this.scopes.join(" "), String(scope)));
  }

  /** What `JSON.stringify` makes of it. */
  toJSON(): PrincipalJson {
    return {
      key_id: this.keyId,
      kind: this.kind,
      session_id: this.sessionId,
      subject: this.subject,
      organization: this.organization,
      workspace: this.workspace,
      environment: this.environment,
      origin: this.origin,
      scopes: [...this.scopes],
    };
  }
}

/**
 * @internal What stands behind each `requireScope`: throws unless there is a principal with the scope; and at once for what is
 * no scope, which no caller could ever have, and for more of them, which nobody would look for.
 */
export function requirement(scope: string, more: unknown): (principal: unknown) => void {
  // `scopes.map(requireScope)` gives an index, too.
  if (typeof scope !== "string" || !(more === undefined || typeof more === "number")) {
    throw engine().refusal("invalid_input", "requireScope: takes one scope, a string; for several, put one after another");
  }
  engine().run((glue) => glue.permits(scope, scope));
  return (principal) => {
    if (!(principal instanceof Principal)) {
      throw engine().refusal("credential_missing", "no verifier has accepted this request");
    }
    principal.require(scope);
  };
}
