// Prints what a server loads, in bytes.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const scripts = ["node", "workerd", "inline"].map((platform) => {
  const inside = readdirSync(new URL(platform, dist)).filter((name) => name.endsWith(".js"));
  return [`${platform}/*.js`, inside.map((name) => `${platform}/${name}`)];
});
for (const [name, files] of [["doorkey_edge_bg.wasm", ["doorkey_edge_bg.wasm"]], ...scripts]) {
  const bytes = Buffer.concat(files.map((file) => readFileSync(new URL(file, dist))));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  console.log(`${name.padEnd(24)} ${String(bytes.length).padStart(9)}  gzip ${String(gzip).padStart(8)}`);
}
