/** The two readable parts of a compact JWS (RFC 7515). The page shows them; only a verifier may believe them. */
export interface ReadableJws {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

/** Decodes without verifying; `undefined` if the text is no compact JWS. */
export function readJws(compact: string): ReadableJws | undefined {
  const [header, claims, signature] = compact.split(".");
  if (!header || !claims || !signature) return undefined;
  try {
    return { header: readPart(header), claims: readPart(claims) };
  } catch {
    return undefined;
  }
}

/** What the page shows of a session token. */
export interface TokenClaims {
  exp: number;
  cnf: { jkt: string };
  doorkey: { origin: string };
}

function readPart(part: string): Record<string, unknown> {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}
