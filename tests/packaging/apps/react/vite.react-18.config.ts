import { createRequire } from "node:module";
import { dirname } from "node:path";
import { defineConfig } from "vite";

// The same pages with the React that came before, which a package of its own holds.
const { resolve } = createRequire(new URL("../../../react-18/package.json", import.meta.url));
const alias = ["react", "react-dom"].map((name) => ({
  find: new RegExp(`^${name}(?=$|/)`),
  replacement: dirname(resolve(`${name}/package.json`)),
}));

export default defineConfig({
  build: { outDir: "dist-18", rollupOptions: { input: ["index.html", "hooks.html"] } },
  resolve: { alias },
});
