// Prints what a page downloads, as JSON: for each file of the package that is code its bytes, and when it is needed.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

// "first": before the first mint leaves; "rest": while it is on its way; "else": not by the default entry in a browser
// whose WebCrypto has Ed25519. What runs in a build is no download.
const FILES = [
  ["index.js", "first"],
  ["rest.js", "rest"],
  ["curve.js", "else"],
  ["inline.js", "else"],
  ["react.js", "else"],
  ["fetch.js", "else"],
];

const sizes = FILES.map(([file, when]) => {
  const bytes = readFileSync(new URL(`../dist/${file}`, import.meta.url));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return {
    file,
    when,
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
});
process.stdout.write(`${JSON.stringify(sizes)}\n`);
