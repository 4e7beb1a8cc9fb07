// Prints what a page downloads, as JSON: the files of the package that are code, in bytes.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const FILES = ["doorkey_browser_bg.wasm", "index.js"];

const sizes = FILES.map((file) => {
  const bytes = readFileSync(new URL(`../dist/${file}`, import.meta.url));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return {
    file,
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
});
process.stdout.write(`${JSON.stringify(sizes)}\n`);
