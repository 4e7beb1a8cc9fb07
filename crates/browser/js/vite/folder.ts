import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { findSecrets, type Secret } from "./secrets.js";

/** Files are searched in pieces of this size, which overlap by more than the longest secret has in its longest escapes. */
const PIECE = 16 * 1024 * 1024;
const OVERLAP = 8 * 1024;

/** A secret, and in which file. */
export interface Found {
  file: string;
  secret: Secret;
}

/** All secrets in the files of a folder and of those in it. */
export async function searchFolder(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await list(folder)) {
    const file = join(folder, name);
    // What a link leads to is copied like the rest.
    const isFolder = (await stat(file)).isDirectory();
    found.push(...(isFolder ? await searchFolder(file) : await searchFile(file)));
  }
  return found;
}

/** A folder that is not there has no files. */
async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function searchFile(file: string): Promise<Found[]> {
  const found = new Map<string, Found>();
  let [text, linesBefore] = ["", 0];
  for await (const piece of createReadStream(file, { encoding: "latin1", highWaterMark: PIECE })) {
    text += piece as string;
    for (const secret of findSecrets(text)) {
      const line = secret.line + linesBefore;
      if (!found.has(secret.text)) found.set(secret.text, { file, secret: { ...secret, line } });
    }
    const rest = text.slice(-OVERLAP);
    linesBefore += text.slice(0, text.length - rest.length).split("\n").length - 1;
    text = rest;
  }
  return [...found.values()];
}
