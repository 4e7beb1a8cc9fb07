import { createRequire } from "node:module";
import { dirname } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The same page with the React that came before, which a package of its own holds.
const { resolve } = createRequire(new URL("../../../react-18/package.json", import.meta.url));
const alias = ["react", "react-dom"].map((name) => ({
  find: new RegExp(`^${name}(?=$|/)`),
  replacement: dirname(resolve(`${name}/package.json`)),
}));

export default defineConfig({
  plugins: [react()],
  build: { outDir: "dist-18", rolldownOptions: { checks: { bundlerTimings: false } } },
  resolve: { alias },
});
