import { toBase64url } from "./base64url.js";
import { toMultipart } from "./multipart.js";
import type { UploadOptions } from "./types.js";

/** An upload as it was asked for. */
export interface Upload {
  /** Everything but the body. */
  request: Request;
  blob: Blob;
  onProgress: UploadOptions["onProgress"];
}

/** Reads all at once, as `fetch` does: what becomes of a buffer or a form afterwards changes nothing. */
export function toUpload(input: string | URL, options: UploadOptions): Upload {
  // JavaScript may leave them out.
  const { body, method = "POST", headers = {}, signal = null, onProgress } = (options as UploadOptions | undefined) ?? {};
  const blob = toBlob(body);
  return { request: new Request(input, { method, headers, signal, body: blob }), blob, onProgress };
}

/** The body as one `Blob`, which refers to files and does not copy them, with the type that `fetch` would give it. */
function toBlob(body: UploadOptions["body"] | undefined): Blob {
  if (body instanceof Blob) return body;
  if (body instanceof FormData) {
    // A `Blob` writes its type in lower case.
    return toMultipart(body, `doorkey-${toBase64url(crypto.getRandomValues(new Uint8Array(18))).toLowerCase()}`);
  }
  if (body instanceof URLSearchParams) {
    return new Blob([body.toString()], { type: "application/x-www-form-urlencoded;charset=utf-8" });
  }
  if (typeof body === "string") return new Blob([body], { type: "text/plain;charset=utf-8" });
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return new Blob([body]);
  throw new TypeError("this is no body of an upload");
}
