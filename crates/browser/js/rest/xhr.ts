/** Sends a request by `XMLHttpRequest`, which alone tells how far an upload has come; rejects as `fetch` does. */
export function sendByXhr(request: Request, body: Blob, onSent: (loaded: number) => void): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    xhr.open(request.method, request.url);
    request.headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.responseType = "blob";
    xhr.upload.onprogress = ({ loaded }) => onSent(loaded);
    // What is no `Response`, as a status of 999, rejects.
    xhr.onload = () => resolve(Promise.resolve().then(() => toResponse(xhr, request)));
    xhr.onerror = () => reject(new TypeError("the upload broke off"));
    xhr.onabort = () => reject(signal.reason);
    xhr.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    if (signal.aborted) return reject(signal.reason);
    xhr.send(body);
  });
}

function toResponse(xhr: XMLHttpRequest, request: Request): Response {
  const headers = new Headers();
  for (const line of xhr.getAllResponseHeaders().trim().split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const { status, statusText } = xhr;
  const hasBody = ![204, 205, 304].includes(status);
  // A slice has no type: one that the browser has guessed would become a header that the API did not send.
  const body = hasBody ? (xhr.response as Blob).slice() : null;
  const response = new Response(body, { status, statusText, headers });
  // It follows redirects, and cannot be told not to.
  const redirected = xhr.responseURL !== request.url.replace(/#.*/, "");
  return Object.defineProperties(response, { url: { value: xhr.responseURL }, redirected: { value: redirected } });
}
