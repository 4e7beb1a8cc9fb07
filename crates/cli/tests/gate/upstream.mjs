// The service behind the gate, as plain as it can be: it answers with what has reached it. It ends with its stdin.
import http from "node:http";

const seen = [];
let streaming = [];
const server = http.createServer({ insecureHTTPParser: false, keepAliveTimeout: 5000 }, (request, response) => {
  const path = request.url.split("?")[0];
  // For the test alone, which asks without a gate in between.
  if (path === "/control/seen") return response.end(JSON.stringify(seen.splice(0)));
  if (path === "/control/next") {
    for (const stream of streaming) stream.end("data: second\n\n");
    streaming = [];
    return response.end("{}");
  }
  const chunks = [];
  let aborted = false;
  response.on("close", () => (aborted = aborted || !response.writableFinished) && seen.push({ hungUp: path }));
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i].toLowerCase(), request.rawHeaders[i + 1]]);
    const body = Buffer.concat(chunks).toString("latin1");
    const got = { method: request.method, target: request.url, headers, body, trailers: request.trailers };
    seen.push(got);
    switch (path) {
      case "/stream":
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: first\n\n");
        streaming.push(response);
        break;
      case "/trailers":
        response.writeHead(200, { trailer: "x-sum" });
        response.write("body");
        response.addTrailers({ "x-sum": "42" });
        response.end();
        break;
      case "/hang":
        break;
      case "/empty":
        response.writeHead(204).end();
        break;
      case "/same":
        response.writeHead(304, { etag: '"1"' }).end();
        break;
      case "/own-refusal":
        response.writeHead(401, { "www-authenticate": "Basic", "x-request-id": "upstream", connection: "x-hop", "x-hop": "1" }).end("no");
        break;
      default: {
        const text = JSON.stringify(got);
        response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
        response.end(text);
      }
    }
  });
});
server.on("upgrade", (request, socket, head) => {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i].toLowerCase(), request.rawHeaders[i + 1]]);
  seen.push({ method: request.method, target: request.url, headers, upgrade: true });
  socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: x\r\n\r\n");
  socket.write(head);
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
