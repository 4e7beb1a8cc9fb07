import { INVALID_INPUT } from "../error-code.js";
import { toBase64url } from "../base64url.js";
import type { Send } from "../mint.js";
import type { UploadOptions, UploadProgress } from "../types.js";
import { refusal } from "./error.js";
import { toMultipart } from "./multipart.js";
import { sendByXhr } from "./xhr.js";

/** An upload, taken apart. */
export interface Upload {
  /** Everything but the body. */
  request: Request;
  blob: Blob;
  report: (phase: UploadProgress["phase"], loaded: number) => void;
  send: (signed: Request) => Promise<Response>;
}

/** Reads what an upload was asked for; `sendByFetch` is for where nobody looks, or nobody can. */
export function toUpload(input: string | URL, options: UploadOptions, sendByFetch: Send, mayUseXhr: boolean): Upload {
  const { method = "POST", headers, signal, onProgress } = options;
  const blob = toBlob(options.body);
  let request: Request;
  try {
    request = new Request(input, { method, body: blob, ...(headers && { headers }), ...(signal && { signal }) });
  } catch (cause) {
    throw refusal(INVALID_INPUT, cause instanceof Error ? cause.message : "this is no upload", cause);
  }
  const report: Upload["report"] = (phase, loaded) => {
    try {
      onProgress?.({ phase, loaded, total: blob.size });
    } catch (error) {
      // As with a listener of an event: it is the page's own, and the upload goes on.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  const send: Upload["send"] = async (signed) => {
    if (onProgress && mayUseXhr && globalThis.XMLHttpRequest) {
      return sendByXhr(signed, blob, (loaded) => report("send", loaded));
    }
    const response = await sendByFetch(signed);
    report("send", blob.size);
    return response;
  };
  return { request, blob, report, send };
}

/** The body as one `Blob`, which refers to files and does not copy them, with the type that `fetch` would give it. */
function toBlob(body: UploadOptions["body"]): Blob {
  if (body instanceof Blob) return body;
  // A `Blob` writes its type in lower case.
  const random = toBase64url(crypto.getRandomValues(new Uint8Array(18))).toLowerCase();
  if (body instanceof FormData) return toMultipart(body, `doorkey-${random}`);
  if (body instanceof URLSearchParams) {
    return new Blob([body.toString()], { type: "application/x-www-form-urlencoded;charset=utf-8" });
  }
  return new Blob([body], { type: typeof body === "string" ? "text/plain;charset=utf-8" : "" });
}
