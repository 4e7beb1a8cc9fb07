/** A form as the body of a request (RFC 7578) that leaves its files where they are; `boundary` stands in none of them. */
export function toMultipart(form: FormData, boundary: string): Blob {
  const parts: BlobPart[] = [];
  for (const [name, value] of form) {
    const field = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(name, true)}"`;
    if (typeof value === "string") parts.push(`${field}\r\n\r\n${escape(value, false)}\r\n`);
    else {
      const type = value.type || "application/octet-stream";
      parts.push(`${field}; filename="${escape(value.name, true)}"\r\nContent-Type: ${type}\r\n\r\n`, value, "\r\n");
    }
  }
  return new Blob([...parts, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` });
}

/** As the HTML standard escapes names, and the line ends of text. */
function escape(text: string, isName: boolean): string {
  const lines = text.replace(/\r\n|\r|\n/g, "\r\n");
  return isName ? lines.replaceAll("\r\n", "%0D%0A").replaceAll('"', "%22") : lines;
}
