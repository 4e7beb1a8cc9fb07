/** What the attacker's frame says once it listens. */
export const READY = "doorkey-attacker-ready";

/** A captured request without a body, in a form that `postMessage` carries. */
export interface StolenRequest {
  url: string;
  method: string;
  headers: [name: string, value: string][];
}

/** What the attacker's frame reports back. */
export type FrameReport = { milliseconds: number } & (
  | { status: number; contentType: string; body: string }
  | { failure: string }
);

const OTHER_NAME: Record<string, string> = { localhost: "127.0.0.1", "127.0.0.1": "localhost" };

/** This page's address under the other name of this machine: to a browser, another origin. */
export function otherOrigin(): string | undefined {
  const hostname = OTHER_NAME[location.hostname];
  return hostname && `${location.protocol}//${hostname}:${location.port}`;
}

/** Has a frame on `origin` send `request`, and answers what came back. */
export async function sendFrom(origin: string, request: Request): Promise<FrameReport> {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.title = "A page on another origin";
  frame.src = `${origin}/attacker.html`;
  document.body.append(frame);
  try {
    await messageFrom<typeof READY>(frame, origin);
    const stolen: StolenRequest = { url: request.url, method: request.method, headers: [...request.headers] };
    const report = messageFrom<FrameReport>(frame, origin);
    frame.contentWindow?.postMessage(stolen, origin);
    return await report;
  } finally {
    frame.remove();
  }
}

/** The next message of this frame, within ten seconds. */
function messageFrom<Message>(frame: HTMLIFrameElement, origin: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const { signal } = done;
    const late = setTimeout(() => {
      done.abort();
      reject(new Error(`${origin} does not answer`));
    }, 10_000);
    const hear = (event: MessageEvent<Message>): void => {
      if (event.source !== frame.contentWindow || event.origin !== origin) return;
      clearTimeout(late);
      done.abort();
      resolve(event.data);
    };
    addEventListener("message", hear, { signal });
  });
}
