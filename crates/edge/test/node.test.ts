// What a client, or whatever else stands in the chain, may do to a message of Node's.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as send, type IncomingMessage, type RequestListener, type Server } from "node:http";
import * as http2 from "node:http2";
import { connect, type AddressInfo } from "node:net";
import { Readable, type Duplex } from "node:stream";
import { afterEach, test } from "node:test";
import { createVerifier, type Bounds, type Principal, type RawRequest, type Verifier, type VerifierOptions } from "@doorkey/verifier";
import { doorkey, requireScope, type NodeRequest, type NodeResponse } from "@doorkey/verifier/express";
import { World, type SignedRequest } from "./signer.js";

const ISSUER = "https://keys.example.com";
const now = Math.floor(Date.now() / 1000);
const utf8 = new TextEncoder();

let server: Server | http2.Http2Server;
let end: () => void;

afterEach(() => {
  end();
  server.close();
});

/** Starts a server, and a verifier for it that began an hour ago. */
async function start(options: Partial<VerifierOptions> = {}, own: Server | http2.Http2Server = createServer()) {
  server = own;
  const sockets = new Set<import("node:net").Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  end = () => sockets.forEach((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const world = await World.begin(now, origin, ISSUER);
  let time = now - 3600;
  const clock = () => time * 1000;
  const verifier = createVerifier({ issuer: ISSUER, audience: origin, fetch: world.fetch, clock, ...options });
  time = now;
  const handle = (listener: RequestListener) => void (server as Server).on("request", listener);
  return { world, verifier, port, origin, handle };
}

/** Reads the body as a handler does, and answers with it. */
function echo(request: IncomingMessage, response: import("node:http").ServerResponse): void {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => response.end(`got:${Buffer.concat(pieces).toString()}`));
}

const fields = ({ headers }: SignedRequest) => headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");

/** The body of a response, and its status. */
async function ask(origin: string, signed: SignedRequest, more: Record<string, string> = {}): Promise<[number, string, IncomingMessage]> {
  const { method, target, body } = signed;
  const request = send(origin + target, { method, headers: { ...Object.fromEntries(signed.headers), ...more } });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of response) text += String(piece);
  return [response.statusCode ?? 0, text, response];
}

/** Waits until a message or a socket is closed, by whatever. */
const closed = (stream: Duplex | IncomingMessage) =>
  new Promise<void>((resolve) => (stream.closed ? resolve() : stream.on("error", () => {}).once("close", resolve)));

/** A verifier that tells what it comes to. */
function watched(verifier: Verifier): { verifier: Verifier; outcome: Promise<string> } {
  let tell: (outcome: string) => void = () => {};
  const outcome = new Promise<string>((resolve) => (tell = resolve));
  const verify = (request: Parameters<Verifier["verify"]>[0]): Promise<Principal> => {
    const verdict = verifier.verify(request);
    verdict.then(() => tell("accepted"), (error: { code?: string }) => tell(error.code ?? String(error)));
    return verdict;
  };
  return { verifier: { verify }, outcome };
}

test("a body whose framing hides behind more headers than Node keeps is read, too", async () => {
  const { world, verifier, port, handle } = await start();
  const guard = doorkey(verifier);
  handle((request, response) => guard(request, response, () => echo(request, response)));
  for (const body of ["content-length: 4\r\n\r\nEVIL", "transfer-encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"]) {
    const signed = await world.sign(now, "POST", "/");
    const socket = connect(port, "127.0.0.1");
    socket.write(`POST / HTTP/1.1\r\n${fields(signed)}${"a:\r\n".repeat(1990)}${body}`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1.1 401 /);
    assert.match(answer.toString(), /components_incomplete/);
    socket.destroy();
  }
});

test("a client that has left before the verdict reaches no handler", async () => {
  let arrived: (message: IncomingMessage) => void = () => {};
  const message = new Promise<IncomingMessage>((resolve) => (arrived = resolve));
  let isMarking: () => void = () => {};
  const marking = new Promise<void>((resolve) => (isMarking = resolve));
  const replay = {
    async mark() {
      isMarking();
      const left = await message;
      await closed(left);
      return true;
    },
  };
  const { world, verifier, port, handle } = await start({ replay });
  const { verifier: watching, outcome } = watched(verifier);
  let calls = 0;
  handle((request, response) => {
    arrived(request);
    doorkey(watching)(request, response, () => void (calls += 1));
  });
  const signed = await world.sign(now, "GET", "/");
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET / HTTP/1.1\r\n${fields(signed)}\r\n`);
  await marking;
  socket.destroy();
  assert.equal(await outcome, "accepted");
  await new Promise(setImmediate);
  assert.equal(calls, 0);
});

test("a client that has left before its body is waited for is not waited for", { timeout: 30_000 }, async () => {
  let arrived: (message: IncomingMessage) => void = () => {};
  const message = new Promise<IncomingMessage>((resolve) => (arrived = resolve));
  let isFetching: () => void = () => {};
  const fetching = new Promise<void>((resolve) => (isFetching = resolve));
  let world: World | undefined;
  const fetch = async () => {
    isFetching();
    const left = await message;
    await closed(left);
    return new Response(world?.jwks);
  };
  const started = await start({ fetch });
  world = started.world;
  const { verifier, outcome } = watched(started.verifier);
  started.handle((request, response) => {
    arrived(request);
    doorkey(verifier)(request, response, () => assert.fail("accepted"));
  });
  const signed = await world.sign(now, "POST", "/", utf8.encode("hello"));
  const socket = connect(started.port, "127.0.0.1");
  socket.write(`POST / HTTP/1.1\r\n${fields(signed)}content-length: 5\r\n\r\nhel`);
  await fetching;
  socket.destroy();
  assert.equal(await outcome, "malformed_request");
});

test("a refusal after somebody else has answered changes nothing, and ends no process", async () => {
  const { world, verifier, origin, handle } = await start();
  const { verifier: watching, outcome } = watched(verifier);
  const errors: unknown[] = [];
  handle((request, response) => {
    response.writeHead(503).end("too slow");
    doorkey(watching)(request, response, (error) => errors.push(error));
  });
  const signed = await world.sign(now - 3600, "GET", "/");
  const [status, text] = await ask(origin, signed);
  assert.deepEqual([status, text], [503, "too slow"]);
  assert.equal(await outcome, "window_invalid");
  // An unhandled rejection would show by now, and fail this test.
  await new Promise(setImmediate);
  assert.deepEqual(errors, []);
});

test("what goes wrong behind a verdict goes to next", async () => {
  const { world, verifier, origin, handle } = await start();
  handle((request, response) => {
    let calls = 0;
    doorkey(verifier)(request, response, (error) => {
      if (calls++ === 0) throw new Error("a handler's");
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  assert.deepEqual((await ask(origin, await world.sign(now, "GET", "/"))).slice(0, 2), [500, "Error: a handler's"]);
});

test("HTTP/2: bodies are read to their end, with and without a length", { timeout: 30_000 }, async () => {
  const { world, verifier, origin, handle } = await start({}, http2.createServer());
  const guard = doorkey(verifier);
  handle((request, response) => guard(request, response, (error) => (error ? response.end(String(error)) : echo(request, response))));
  const session = http2.connect(origin);
  try {
    for (const [signedBody, sent, length, expected] of [
      [undefined, "EVIL", false, /components_incomplete/],
      [undefined, "", false, /^got:$/],
      ["hello", "hello", true, /^got:hello$/],
      ["hello", "hello", false, /^got:hello$/],
      ["hello", "hellO", false, /digest_mismatch/],
      ["x".repeat(300_000), "x".repeat(300_000), false, /^got:x{300000}$/],
    ] as const) {
      const signed = await world.sign(now, "POST", "/", signedBody === undefined ? undefined : utf8.encode(signedBody));
      const headers = Object.fromEntries(signed.headers.filter(([name]) => name !== "host"));
      const stream = session.request({
        ":method": "POST",
        ":path": "/",
        ...headers,
        ...(length && { "content-length": String(sent.length) }),
      });
      stream.end(sent);
      let text = "";
      for await (const piece of stream) text += String(piece);
      assert.match(text, expected);
    }
    const signed = await world.sign(now, "GET", "/");
    const headers = Object.fromEntries(signed.headers.filter(([name]) => name !== "host"));
    let text = "";
    for await (const piece of session.request({ ":method": "GET", ":path": "/", ...headers })) text += String(piece);
    assert.equal(text, "got:");
  } finally {
    session.destroy();
  }
});

test("a body that somebody else reads is not taken for none", { timeout: 30_000 }, async () => {
  const { world, verifier, origin, handle } = await start();
  let before: (request: IncomingMessage, go: () => void) => void = (_, go) => go();
  handle((request, response) =>
    before(request, () => doorkey(verifier)(request, response, (error) => response.end(error ? String(error) : "accepted"))),
  );
  assert.equal((await ask(origin, await world.sign(now, "GET", "/")))[1], "accepted");
  for (before of [
    (request, go) => void (request.on("data", () => {}), go()),
    (request, go) => void request.once("data", () => setImmediate(go)),
    (request, go) => void (request.setEncoding("utf8"), go()),
  ] satisfies (typeof before)[]) {
    for (const isLate of [false, true]) {
      const signed = await world.sign(now, "POST", "/", utf8.encode("hello"));
      const headers = { ...Object.fromEntries(signed.headers), "content-length": "5" };
      const request = send(origin, { method: "POST", headers });
      const answer = once(request, "response");
      const arrived = once(server, "request");
      if (isLate) {
        request.flushHeaders();
        await arrived;
      }
      request.end("hello");
      let text = "";
      for await (const piece of ((await answer) as [IncomingMessage])[0]) text += String(piece);
      assert.match(text, /TypeError: doorkey\(verifier\) goes before what reads bodies/);
    }
  }
});

test("a body that nothing covers is left to the handler, and has to be there for it", { timeout: 30_000 }, async () => {
  const { origin, handle } = await start();
  const unread: Verifier = {
    async verify(raw) {
      const { body } = raw as RawRequest;
      if (typeof body === "function") await body({ isCovered: false } as Bounds);
      return { rateLimitHeaders: {} } as Principal;
    },
  };
  let isParsed = false;
  handle(async (request, response) => {
    if (isParsed) await request.toArray();
    doorkey(unread)(request, response, async (error) => response.end(error ? String(error) : String(await request.toArray())));
  });
  for (isParsed of [false, true]) {
    const request = send(origin, { method: "POST" });
    request.end("hello");
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    const expected = isParsed ? /TypeError: doorkey\(verifier\) goes before what reads bodies/ : /^hello$/;
    assert.match(String(await answer.toArray()), expected);
  }
});

test("a message that was made from something else is read, and is as long as it says", async () => {
  const { world, verifier, origin } = await start();
  const made = (signed: SignedRequest, body: string, more: Record<string, string>) => {
    const message = new Readable({
      read() {
        this.push(body);
        this.push(null);
      },
    });
    const headers = { ...Object.fromEntries(signed.headers), ...more };
    const rawHeaders = Object.entries(headers).flat();
    return Object.assign(message, { method: "POST", url: "/", headers, rawHeaders, complete: true }) as unknown as NodeRequest;
  };
  const judge = (message: NodeRequest) =>
    new Promise<string>((resolve) => {
      const response: NodeResponse = {
        statusCode: 200,
        headersSent: false,
        getHeader: () => undefined,
        setHeader: () => undefined,
        write: () => undefined,
        end: (body = "") => resolve((JSON.parse(body) as { code: string }).code),
      };
      doorkey(verifier)(message, response, (error) => resolve(error ? String(error) : "accepted"));
    });
  assert.ok(origin);
  const empty = () => world.sign(now, "POST", "/");
  assert.equal(await judge(made(await empty(), "EVIL", {})), "components_incomplete");
  assert.equal(await judge(made(await empty(), "EVIL", { "content-length": "4" })), "components_incomplete");
  assert.equal(await judge(made(await empty(), "", { "content-length": "4" })), "malformed_request");
  const signed = await world.sign(now, "POST", "/", utf8.encode("hello"));
  const message = made(signed, "hello", { "content-length": "5" });
  assert.equal(await judge(message), "accepted");
  assert.equal(String((message as unknown as Readable).read()), "hello");
});

test("a refused client that is busy sending finds its answer when it reads", { timeout: 30_000 }, async (context) => {
  const { verifier, port, handle } = await start();
  const isCutOff = new Promise<boolean>((resolve) => {
    handle((request, response) => {
      // No more is read, one way or the other.
      for (const end of ["pause", "close"]) request.once(end, () => resolve(request.destroyed));
      doorkey(verifier)(request, response, () => assert.fail("accepted"));
    });
  });
  const socket = connect(port, "127.0.0.1");
  context.after(() => socket.destroy());
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n");
  socket.write(Buffer.alloc(50_000_000));
  assert.equal(await isCutOff, false);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.match(String(answer), /^HTTP\/1\.1 4\d\d .*\r\nconnection: close\r\n/is);
});

test("what a refused client goes on sending is not read for ever, though nobody has begun to read it", { timeout: 30_000 }, async () => {
  const { verifier, port, handle } = await start();
  handle((request, response) => doorkey(verifier)(request, response, () => assert.fail("accepted")));
  const socket = connect(port, "127.0.0.1");
  const gone = closed(socket);
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
  const piece = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536), Buffer.from("\r\n")]);
  const go = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", go);
  socket.resume();
  go();
  await gone;
});

test("no form of the headers shows the credential, and all can be read", async () => {
  const { world, verifier, origin, handle } = await start();
  handle((request, response) =>
    doorkey(verifier)(request, response, () => {
      const { headers, rawHeaders, headersDistinct } = request;
      response.end(JSON.stringify({ headers, rawHeaders, names: Object.keys(headersDistinct), headersDistinct }));
    }),
  );
  const [, text] = await ask(origin, await world.sign(now, "GET", "/"), { "x-last": "1" });
  assert.ok(!text.includes(world.token) && !/authorization"/i.test(text), text);
  assert.ok((JSON.parse(text) as { names: string[] }).names.includes("x-last"));
});

test("what answers vary with is added to what they vary with already", async () => {
  const { world, verifier, origin, handle } = await start();
  handle((request, response) => {
    response.setHeader("vary", "accept-encoding");
    doorkey(verifier)(request, response, () => response.end());
  });
  const [, , response] = await ask(origin, await world.sign(now, "GET", "/"));
  assert.equal(response.headers.vary, "accept-encoding, origin, access-control-request-method, access-control-request-headers");
});

test("a principal of somebody's own making has no scope", async () => {
  const { origin, handle } = await start();
  handle((request, response) => {
    const principal = { require: () => {}, scopes: ["pictures:write"] };
    const message = Object.assign(request, { principal }) as unknown as NodeRequest;
    requireScope("pictures:write")(message, response, () => response.end("accepted"));
  });
  const response = await fetch(origin);
  assert.equal(((await response.json()) as { code: string }).code, "credential_missing");
});
