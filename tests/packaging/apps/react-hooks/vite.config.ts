import { doorkey } from "@doorkey/browser/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), doorkey()],
  // How long plugins take says something about the machine alone.
  build: { rolldownOptions: { checks: { bundlerTimings: false } } },
});
