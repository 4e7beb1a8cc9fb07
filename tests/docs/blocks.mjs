// Takes the pages apart: which blocks of code there are, in which language, and what a reader of each has already.

import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const docs = fileURLToPath(new URL("../../www/docs/", import.meta.url));

// What stands in `<!-- given … -->` ahead of a block is compiled with it, and no reader sees it.
const BLOCK = /(?:<!-- given\n(?<given>(?:(?!-->)[^])*)-->\n\n)?^```(?<language>\S*)\n(?<text>[^]*?)^```$/gm;

/** All pages, by file name. */
export const pages = new Map(
  readdirSync(docs)
    .filter((name) => name.endsWith(".md"))
    .map((name) => [name, readFileSync(docs + name, "utf8")]),
);

/** All blocks, each with its page and the line that it begins in. */
export const blocks = [...pages].flatMap(blocksIn);

/** What the READMEs show of the packages in JavaScript; their other blocks are tested by the crates that they belong to. */
export const readmeBlocks = ["README.md", "crates/browser/README.md"].flatMap((name) =>
  blocksIn([name.replaceAll("/", "-"), readFileSync(`${docs}../../${name}`, "utf8")]).filter(({ language }) => ["js", "ts", "tsx"].includes(language)),
);

function blocksIn([page, source]) {
  return [...source.matchAll(BLOCK)].map((match) => {
    const { given = "", language, text } = match.groups;
    const line = source.slice(0, match.index + match[0].indexOf("```")).split("\n").length;
    return { page, line, given, language, text, name: `${page}:${line}` };
  });
}

/** The blocks of some languages; there must be one. */
export function blocksOf(...languages) {
  const found = blocks.filter(({ language }) => languages.includes(language));
  if (found.length === 0) throw new Error(`no page has a block of ${languages.join(" or ")}`);
  return found;
}
