import type { UploadOptions } from "./types.js";

/** An upload as it was asked for. */
export interface Upload {
  /** Everything but the body. */
  request: Request;
  /** The body, as nobody else can change it any more. */
  body: Blob | FormData;
  onProgress: UploadOptions["onProgress"];
}

/** Reads all at once, as `fetch` does: what becomes of a buffer or a form afterwards changes nothing. */
export function toUpload(input: string | URL, options: UploadOptions): Upload {
  // JavaScript may leave them out.
  const given = (options ?? {}) as UploadOptions;
  const { body, method = "POST", headers = {}, signal = null, onProgress, ...unknown } = given;
  onlyKnown(unknown, "upload");
  const taken = take(body);
  // With a body, so that a method that has none is refused, and without a type, which the real one brings.
  return { request: new Request(input, { method, headers, signal, body: new Uint8Array() }), body: taken, onProgress };
}

/** A `Blob` refers to files and does not copy them; its type is the one that `fetch` would give. */
function take(body: UploadOptions["body"] | undefined): Blob | FormData {
  if (body instanceof Blob) return body;
  if (body instanceof FormData) {
    const form = new FormData();
    for (const [name, value] of body) form.append(name, value);
    return form;
  }
  if (body instanceof URLSearchParams) {
    return new Blob([body.toString()], { type: "application/x-www-form-urlencoded;charset=utf-8" });
  }
  if (typeof body === "string") return new Blob([body], { type: "text/plain;charset=utf-8" });
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return new Blob([body]);
  throw new TypeError("body is no body of an upload");
}

/** Refuses what is left of options when all that there are have been taken out. */
export function onlyKnown(unknown: object, call: string): void {
  for (const name in unknown) throw new TypeError(`${name} is no option of ${call}`);
}
