// What stands behind the gate: it believes the gate, and says what reached it.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { stopServer } from "./front.mjs";

/** A transparent pixel. */
export const PIXEL = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** SHA-256 of a body that is never held whole, and how long it is. */
export async function digest(stream) {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    hash.update(piece);
  }
  return { bytes, sha256: hash.digest("hex") };
}

export async function startService() {
  let open = [];
  const server = createServer(async (request, response) => {
    const path = request.url.split("?")[0];
    if (path === "/pixel") return response.writeHead(200, { "content-type": "image/gif" }).end(PIXEL);
    if (path === "/download") {
      return response.writeHead(200, { "content-type": "text/plain", "content-disposition": 'attachment; filename="a.txt"' }).end("content");
    }
    if (path === "/stream" || path === "/events") {
      response.writeHead(200, { "content-type": path === "/events" ? "text/event-stream" : "text/plain" });
      response.flushHeaders();
      open.push(response);
      response.on("close", () => (open = open.filter((other) => other !== response)));
      return undefined;
    }
    // A body that breaks off has nobody to answer.
    const got = await digest(request).catch(() => undefined);
    if (!got) return response.destroy();
    const { "doorkey-key-id": key, "doorkey-body": body } = request.headers;
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ target: request.url, method: request.method, key, body, ...got }));
  });
  server.on("upgrade", (request, socket, head) => {
    const key = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${key}\r\n\r\n`);
    // One frame of text: what was asked for.
    const text = Buffer.from(request.url);
    socket.write(Buffer.concat([Buffer.of(0x81, text.length), text]));
    socket.on("error", () => {});
    // Nobody else ends it: it no longer belongs to the server.
    socket.on("end", () => socket.end());
    socket.unshift(head);
    socket.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** Writes to every stream that is open. */
    write: (text) => open.forEach((response) => response.write(text)),
    end: () => open.splice(0).forEach((response) => response.end()),
    streams: () => open.length,
    stop: () => stopServer(server),
  };
}
