// Stands between a page and a server, counts what arrives, and fails when it is told to.

import { once } from "node:events";
import { createServer, request as forward } from "node:http";

/** Ends connections at once, those that are kept open included. */
export function stopServer(server) {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  return closed;
}

/** Lets a page of any origin read an answer that is made here. */
export const cors = ({ headers }) => ({
  "access-control-allow-origin": headers.origin ?? "*",
  "access-control-expose-headers": "retry-after, www-authenticate",
  "access-control-allow-headers": headers["access-control-request-headers"] ?? "*",
  "access-control-allow-methods": "*",
});

/** Answers once the whole request is here: who answers before and closes cuts off what is still on its way. */
const answer = (status, headers, text) => (request, response) => {
  request.resume().on("end", () => response.writeHead(status, { ...cors(request), ...headers }).end(text));
};

/** Answers with a status, and nothing else but when to come back. */
export const refuse = (status, retryAfter) =>
  answer(status, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }, "busy");

/** Answers with a redirect. */
export const redirect = (status, location) => answer(status, { location });

/** Hangs up, at once or after so many bytes of the body. */
export const hangUp = (bytes = 0) => (request) => {
  let got = 0;
  if (bytes === 0) return request.socket.destroy();
  request.on("error", () => {});
  request.on("data", (piece) => {
    got += piece.length;
    if (got >= bytes) request.socket.destroy();
  });
};

/** Begins an answer and hangs up in the middle of its body. */
export const breakOff = (request, response) => {
  request.resume();
  response.writeHead(200, { ...cors(request), "content-length": "1000" });
  response.write("half", () => request.socket.destroy());
};

export async function startFront() {
  /** What arrived, preflights apart. */
  let arrivals = [];
  let preflights = 0;
  let rules = [];
  let target;

  const pass = (request, response, headers = request.headers) => {
    const { hostname, port } = new URL(`http://${target}`);
    const onward = forward({ hostname, port, method: request.method, path: request.url, headers, agent: false });
    onward.on("response", (received) => {
      response.writeHead(received.statusCode, { ...received.headers, connection: "close" });
      response.flushHeaders();
      received.pipe(response);
      received.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  };

  const server = createServer((request, response) => {
    // A browser sends again by itself what met a connection that was kept open too long; here every count is exact.
    response.setHeader("connection", "close");
    if (request.method === "OPTIONS") {
      preflights += 1;
      return target ? pass(request, response) : response.writeHead(204, cors(request)).end();
    }
    const arrival = { at: performance.now(), method: request.method, url: request.url, headers: request.headers };
    arrivals.push(arrival);
    const rule = rules.shift();
    if (rule) return rule(request, response, { pass, arrival });
    return target ? pass(request, response) : refuse(404)(request, response);
  });
  server.on("upgrade", (request, socket, head) => {
    arrivals.push({ method: "UPGRADE", url: request.url, headers: request.headers });
    const { hostname, port } = new URL(`http://${target}`);
    const onward = forward({ hostname, port, path: request.url, headers: request.headers, agent: false });
    onward.on("upgrade", ({ rawHeaders }, other, rest) => {
      const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.write(rest);
      other.write(head);
      for (const [from, to] of [[socket, other], [other, socket]]) from.on("error", () => to.destroy()).on("close", () => to.destroy()).pipe(to);
    });
    onward.on("response", () => socket.destroy());
    onward.on("error", () => socket.destroy());
    onward.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://localhost:${server.address().port}`,
    /** What is not failed goes on to this address. */
    behind: (address) => (target = address),
    /** The next requests meet these, one each; `undefined` lets one pass. */
    next: (...more) => rules.push(...more),
    /** What has arrived since the last time. */
    take: () => arrivals.splice(0),
    takePreflights: () => [preflights, (preflights = 0)][0],
    count: () => arrivals.length,
    clear: () => (rules = []),
    /** Somebody has connected, whether or not a request follows. */
    connection: () => once(server, "connection"),
    stop: () => stopServer(server),
  };
}
