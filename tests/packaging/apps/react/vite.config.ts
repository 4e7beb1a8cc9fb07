import { doorkey } from "@doorkey/browser/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), doorkey()],
  build: {
    rolldownOptions: {
      input: ["index.html", "hooks.html"],
      // How long plugins take says something about the machine alone.
      checks: { bundlerTimings: false },
    },
  },
});
