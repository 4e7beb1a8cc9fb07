import { defaults, outlivesRequests } from "#platform";
import type { Checker, Entered, Examination } from "../dist/doorkey_edge.js";
import { Allowance, digestOf, Held, readStream, WHOLE } from "./body.js";
import { DirectoryCopy } from "./directory.js";
import { ambient, draw, Engine, type Ambient } from "./engine.js";
import { DoorkeyError } from "./error.js";
import type { Fetch } from "./exchange.js";
import { Keys } from "./keys.js";
import { readOptions, toJson } from "./options.js";
import { Principal, type AcceptedJson } from "./principal.js";
import type { Bounds, Connection, RawRequest, ReplayRefusal, ReplayStore, Verifier, VerifierOptions } from "./types.js";
import { Usage } from "./usage.js";

/** What is lost when an instance breaks. */
interface Instance {
  engine: Engine;
  checker: Checker;
  /** What it knows of the issuer: its keys alone, or with a credential all that the directory says. */
  issuer: Keys | DirectoryCopy;
  usage: Usage | undefined;
}

/** Why a store lets a request not go on, in a word that Rust has; of any other it makes that the store is away. */
interface Forbidden {
  why: "replayed" | ReplayRefusal["reason"] | "away";
  /** In seconds. */
  wait: number;
  cause?: unknown;
}

const REASONS = {
  too_large: ["body_too_large", "the body is larger than this API takes"],
  too_late: ["request_timeout", "the body did not arrive in time"],
  cut_off: ["malformed_request", "the body was cut off"],
} as const;

/** The platform's side of a verifier: what to wait for, and in which order. Every decision is Rust's. */
export class RequestVerifier implements Verifier {
  readonly #options: string;
  /** A secret: no option that Rust gets as JSON, and no member that anyone could print. */
  readonly #credential: string | undefined;
  readonly #ambient: Ambient;
  readonly #store: ReplayStore | undefined;
  readonly #fetch: Fetch;
  /** Memory for bodies, in bytes. */
  readonly #room: { left: number };
  /** From when on nobody else can have accepted anything, in Unix seconds. */
  #since: number | undefined;
  /** When the latest accepted proof was made, in Unix seconds. */
  #latest = 0;
  #engine: Engine;
  #instance: Instance | undefined;

  constructor(options: VerifierOptions) {
    const { replay, clock, random, fetch, credential, ...given } = readOptions(options);
    const audience = typeof given.audience === "string" ? [given.audience] : given.audience;
    // One body has room, however little there is for others.
    const most = Math.max(defaults.maxBodiesBytes, typeof given.maxBodyBytes === "number" ? given.maxBodyBytes : 0);
    const maxBodiesBytes = given.maxBodiesBytes ?? most;
    const replayCapacity = given.replayCapacity ?? defaults.replayCapacity;
    const rules = { ...given, audience, maxBodiesBytes, replayCapacity };
    this.#options = toJson(rules);
    this.#room = { left: maxBodiesBytes };
    this.#ambient = {
      now: clock ? () => Number(clock()) : ambient.now,
      monotonic: ambient.monotonic,
      random: random ?? ambient.random,
    };
    this.#store = replay;
    this.#fetch = fetch ?? ((...args) => globalThis.fetch(...args));
    this.#engine = new Engine(this.#ambient);
    this.#credential = credential;
    this.#engine.run((glue) => glue.checkOptions(this.#options, credential));
    // Outside of requests workerd's clock stands at zero.
    const now = this.#ambient.now();
    if (now > 0) this.#since = Math.floor(now / 1000) + 1;
  }

  async verify(request: Request | RawRequest, connection?: Connection): Promise<Principal> {
    const raw = request instanceof Request ? rawOf(request) : request;
    const instance = this.#open();
    const { engine, usage } = instance;
    const mistake = mistakeIn(raw, connection);
    if (mistake) throw engine.refusal("invalid_input", mistake);
    try {
      return new Principal(await this.#decide(instance, raw, raw.peer ?? connection?.peer));
    } catch (error) {
      // Why there is no copy is for the operator to see, and for no caller.
      const isStale = error instanceof DoorkeyError && error.code === "directory_stale";
      if (isStale && instance.issuer instanceof DirectoryCopy && instance.issuer.trouble !== undefined) {
        error.cause = new Error(instance.issuer.trouble);
      }
      throw error;
    } finally {
      const told = usage?.tell();
      if (!outlivesRequests) await told;
    }
  }

  /** The instance there is, or another one after a failure. */
  #open(): Instance {
    if (this.#instance && !this.#instance.engine.isBroken) return this.#instance;
    const now = Math.floor(this.#ambient.now() / 1000) + 1;
    // What the broken one has accepted it takes with it: nothing that was signed until now may count.
    if (this.#instance) this.#since = Math.max(now, this.#latest + 1);
    this.#since ??= now;
    if (this.#engine.isBroken) this.#engine = new Engine(this.#ambient);
    const engine = this.#engine;
    // A store remembers what other processes have accepted, this one's predecessor included.
    const since = this.#store ? 0 : this.#since;
    const secret = draw(this.#ambient, 16);
    const credential = this.#credential;
    const stream = credential === undefined ? undefined : draw(this.#ambient, 12);
    const checker = engine.run((glue) => new glue.Checker(this.#options, since, secret, credential, stream));
    const means = [engine, checker, this.#ambient, this.#fetch] as const;
    // The copy of before and what was counted went down with the instance that held them.
    const issuer = credential === undefined ? new Keys(...means) : new DirectoryCopy(...means);
    const usage = credential === undefined ? undefined : new Usage(...means);
    return (this.#instance = { engine, checker, issuer, usage });
  }

  async #decide(instance: Instance, raw: RawRequest, peer: string | undefined): Promise<AcceptedJson> {
    const { engine, checker, issuer } = instance;
    const { now, monotonic } = this.#ambient;
    let examination: Examination | undefined = await this.#examine(instance, raw, peer);
    let entered: Entered | undefined;
    const held = new Held(this.#room);
    try {
      // A copy that will soon be too old is renewed by a request whose key it knows.
      const first = examination;
      const isKnown = engine.run(() => !first.isStale && !first.unknownClient);
      if (issuer instanceof DirectoryCopy && isKnown) await issuer.refresh();
      // What is handed to Rust is freed there, whatever it decides.
      const examined = examination;
      const [enteredAt, enteredThen] = [now(), monotonic()];
      examination = undefined;
      entered = engine.run(() => checker.enter(examined, raw.body != null, enteredAt, enteredThen));
      const forbidden = await this.#mark(engine, entered);
      if (forbidden) {
        const refused = entered;
        const refusedAt = now();
        entered = undefined;
        throw engine.refusalBy(() => checker.refuse(refused, forbidden.why, forbidden.wait, refusedAt), forbidden.cause);
      }
      const body = raw.body ? await this.#read(engine, checker, entered, raw.body, held) : new Uint8Array();
      const { bytes, isDigest } = await digestOf(body);
      // Rust asks once more whether the key still holds, and what it asks may have grown too old meanwhile.
      if (raw.body || this.#store) await issuer.refresh();
      const marked = entered;
      const [at, then] = [now(), monotonic()];
      entered = undefined;
      return JSON.parse(engine.run(() => checker.accept(marked, bytes, isDigest, body.length, at, then))) as AcceptedJson;
    } finally {
      held.release();
      if (!engine.isBroken) {
        examination?.free();
        entered?.free();
      }
    }
  }

  /** Looks at all but the body, and once more when what was missing for that is there. */
  async #examine({ engine, checker, issuer }: Instance, raw: RawRequest, peer: string | undefined): Promise<Examination> {
    const { now, monotonic } = this.#ambient;
    const since = monotonic();
    // A key that was withdrawn must not count once more: without a directory nothing here is ever too old.
    if (issuer instanceof Keys) await issuer.refresh();
    const lines = raw.headers.flat();
    const headers = lines.join("\n");
    const examine = () => {
      const [at, then] = [now(), monotonic()];
      return engine.run(() => checker.examine(raw.method, raw.target, raw.authority, headers, lines.length, peer, at, then));
    };
    const examineAfter = async (news: Promise<void>, before: Examination) => {
      try {
        await news;
      } finally {
        if (!engine.isBroken) before.free();
      }
      return examine();
    };
    const first = examine();
    if (issuer instanceof Keys) {
      const kid = engine.run(() => first.unknownKey);
      return kid === undefined ? first : examineAfter(issuer.find(kid), first);
    }
    // What shows no credential, or none that could be one, is refused by now: for that nobody is asked, and nobody waits.
    const second = engine.run(() => first.isStale) ? await examineAfter(issuer.refresh(), first) : first;
    return engine.run(() => second.unknownClient) ? examineAfter(issuer.look(since), second) : second;
  }

  async #read(
    engine: Engine,
    checker: Checker,
    entered: Entered,
    given: NonNullable<RawRequest["body"]>,
    held: Held,
  ): Promise<Uint8Array> {
    const [limit, isCovered] = engine.run(() => [checker.bodyLimit, !entered.coversNoBody]);
    const refuse: Bounds["refuse"] = (why, cause) => {
      const [code, detail] = REASONS[why];
      return engine.refusal(code, detail, cause);
    };
    const reach = (bytes: number) => {
      if (bytes > limit) throw refuse("too_large");
      if (!held.reaches(bytes)) throw engine.refusal("rate_limited", "more bodies arrive at once than fit into memory");
    };
    let length = 0;
    let body: unknown = given;
    if (typeof given === "function") {
      let giveUp: () => void = () => {};
      const late = new Promise<never>((_, reject) => (giveUp = () => reject(refuse("too_late"))));
      const allowance = new Allowance(WHOLE, giveUp);
      const take = (bytes: number) => {
        reach((length += bytes));
        allowance.come(bytes);
      };
      try {
        body = await Promise.race([given({ limit, within: WHOLE, isCovered, take, refuse }), late]);
      } finally {
        allowance.stop();
      }
    }
    // Of anything else the length is not what Rust would get, or there is none.
    if (!(body instanceof Uint8Array)) throw engine.refusal("invalid_input", "body: yields a Uint8Array");
    // What nothing covers was given, and not read here: nothing is held of it, and nothing is compared.
    if (!isCovered) return new Uint8Array();
    reach(body.length);
    return body;
  }

  /** Has the store remember a proof that this verifier has marked; yields why it does not, if so. */
  async #mark(engine: Engine, entered: Entered): Promise<Forbidden | undefined> {
    const { id, created, until } = engine.run(() => ({ id: entered.proof, created: entered.created, until: entered.until }));
    this.#latest = Math.max(this.#latest, created);
    const store = this.#store;
    if (id === undefined || !store) return undefined;
    let answer: unknown;
    try {
      answer = await store.mark({ id, created, until });
    } catch (cause) {
      return { why: "away", wait: 0, cause };
    }
    return forbids(answer);
  }
}

/** What a store's answer means: nothing is let through by an answer that is not clear. */
function forbids(answer: unknown): Forbidden | undefined {
  if (answer === true) return undefined;
  if (answer === false) return { why: "replayed", wait: 0 };
  const { reason, retryAfter = 0, cause } = (answer ?? {}) as Partial<ReplayRefusal>;
  if (reason === "ahead" || reason === "expired" || reason === "before" || reason === "pause") {
    return { why: reason, wait: Number(retryAfter), cause };
  }
  return { why: "away", wait: 0, cause: new TypeError("the replay store gives no clear answer") };
}

/** A request of the Fetch standard as it came over the wire. */
function rawOf(request: Request): RawRequest {
  const { url } = request;
  const authority = url.indexOf("://") + 3;
  const path = url.indexOf("/", authority);
  const [target = "/"] = url.slice(path).split("#", 1);
  const headers = [...request.headers];
  // A server has made the URL's host of the Host header, which not every platform shows.
  const raw = { method: request.method, target, headers, authority: url.slice(authority, path) };
  if (request.bodyUsed) throw new TypeError("verify a request before its body is read");
  if (!request.body) return raw;
  // There is one: it was there before.
  const read = async (bounds: Bounds) =>
    bounds.isCovered ? readStream(request.clone().body as ReadableStream<Uint8Array>, bounds) : new Uint8Array();
  return { ...raw, body: read };
}

/** What in a request is of another type than it should be. */
function mistakeIn(raw: RawRequest, connection: Connection | undefined): string | undefined {
  if (typeof raw !== "object" || raw === null) return "verify: takes a request";
  const { method, target, authority = "", body, headers } = raw;
  const peer = raw.peer ?? connection?.peer ?? "";
  if (typeof method !== "string") return "method: a string";
  if (typeof target !== "string") return "target: a string";
  if (typeof authority !== "string") return "authority: a string";
  if (typeof peer !== "string") return "peer: a string";
  if (!(body == null || typeof body === "function" || body instanceof Uint8Array)) {
    return "body: a Uint8Array, or a function that yields one";
  }
  const isPair = (line: unknown) => Array.isArray(line) && line.length === 2 && line.every((text) => typeof text === "string");
  return Array.isArray(headers) && headers.every(isPair) ? undefined : "headers: an array of names and values, each pair an array";
}
