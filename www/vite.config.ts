import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { demoConfig } from "./vite/demo-config.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The demo page: `/` is the page, `/attacker.html` the frame that it opens on the other loopback name. */
export default defineConfig({
  root: here("demo"),
  publicDir: here("public"),
  appType: "mpa",
  plugins: [svelte({ configFile: false }), demoConfig()],
  build: {
    outDir: here("dist/demo"),
    emptyOutDir: true,
    rolldownOptions: { input: { page: here("demo/index.html"), attacker: here("demo/attacker.html") } },
  },
  // 127.0.0.1 answers for `localhost` too, since browsers try both loopback addresses; nothing outside can connect.
  server: { host: "127.0.0.1" },
  preview: { host: "127.0.0.1", cors: false },
});
