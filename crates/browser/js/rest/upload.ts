import { toBase64url } from "../base64url.js";
import type { Send } from "../mint.js";
import type { UploadProgress } from "../types.js";
import type { Upload } from "../upload.js";
import { toMultipart } from "./multipart.js";
import { sendByXhr } from "./xhr.js";

/** Who hears of an upload, and how it is sent. */
export interface Progress {
  report: (phase: UploadProgress["phase"], loaded: number) => void;
  send: (signed: Request) => Promise<Response>;
}

/** The body in one piece, whose type becomes the request's unless that has one. */
export function toBlob({ request, body }: Upload): Blob {
  // A `Blob` writes its type in lower case.
  const boundary = () => `doorkey-${toBase64url(crypto.getRandomValues(new Uint8Array(18))).toLowerCase()}`;
  const blob = body instanceof FormData ? toMultipart(body, boundary()) : body;
  if (blob.type && !request.headers.has("content-type")) request.headers.set("content-type", blob.type);
  return blob;
}

/** `sendByFetch` is for where nobody looks, or nobody can. */
export function toProgress(
  blob: Blob,
  onProgress: Upload["onProgress"],
  sendByFetch: Send,
  mayUseXhr: boolean,
): Progress {
  const report: Progress["report"] = (phase, loaded) => {
    try {
      onProgress?.({ phase, loaded, total: blob.size });
    } catch (error) {
      // As with a listener of an event: it is the page's own, and the upload goes on.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  const send: Progress["send"] = async (signed) => {
    if (onProgress && mayUseXhr && globalThis.XMLHttpRequest) {
      return sendByXhr(signed, blob, (loaded) => report("send", loaded));
    }
    const response = await sendByFetch(signed);
    report("send", blob.size);
    return response;
  };
  return { report, send };
}
