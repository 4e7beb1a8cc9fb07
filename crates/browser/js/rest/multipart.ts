/** A form as the body of a request (RFC 7578) that leaves its files where they are; `boundary` stands in none of them. */
export function toMultipart(form: FormData, boundary: string): Blob {
  const parts: BlobPart[] = [];
  for (const [name, value] of form) {
    const field = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(toLines(name))}"`;
    if (typeof value === "string") parts.push(`${field}\r\n\r\n${toLines(value)}\r\n`);
    else {
      const type = value.type || "application/octet-stream";
      parts.push(`${field}; filename="${escape(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`, value, "\r\n");
    }
  }
  return new Blob([...parts, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` });
}

/** The line ends of names and values, but not of the names of files, become those of the internet (HTML, 4.10.21.8). */
const toLines = (text: string) => text.replace(/\r\n|\r|\n/g, "\r\n");

/** Keeps a name within its quotes, and its header in one line. */
const escape = (name: string) => name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22");
