import type { Send } from "../mint.js";
import type { UploadProgress } from "../types.js";
import type { Upload } from "../upload.js";
import { sendByXhr } from "./xhr.js";

/** Who hears of an upload, and how it is sent. */
export interface Progress {
  report: (phase: UploadProgress["phase"], loaded: number) => void;
  send: (signed: Request) => Promise<Response>;
}

/** `sendByFetch` is for where nobody looks, or nobody can. */
export function toProgress({ blob, onProgress }: Upload, sendByFetch: Send, mayUseXhr: boolean): Progress {
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
