import { READY, type FrameReport, type StolenRequest } from "../src/demo/attacks/frame.ts";

/** Sends whatever request it is handed, as a page on another origin would with one that it stole. */
async function send(stolen: StolenRequest): Promise<FrameReport> {
  const began = performance.now();
  try {
    const response = await fetch(stolen.url, { method: stolen.method, headers: stolen.headers });
    const body = await response.text();
    const contentType = response.headers.get("content-type") ?? "";
    return { status: response.status, contentType, body, milliseconds: performance.now() - began };
  } catch (error) {
    return { failure: String(error), milliseconds: performance.now() - began };
  }
}

addEventListener("message", (event: MessageEvent<StolenRequest>) => {
  if (event.source !== parent) return;
  void send(event.data).then((report) => parent.postMessage(report, event.origin));
});

// Says nothing but that it listens, so any page may hear it.
if (parent !== window) parent.postMessage(READY, "*");
