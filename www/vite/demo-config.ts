import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";

/** Answers `/config.json` from the environment variable `DOORKEY_DEMO_CONFIG`, or 404 where it is not set. */
export function demoConfig(): Plugin {
  const use = (middlewares: Connect.Server): void => {
    middlewares.use("/config.json", (_request: IncomingMessage, response: ServerResponse) => {
      const config = process.env["DOORKEY_DEMO_CONFIG"];
      response.statusCode = config ? 200 : 404;
      response.setHeader("Cache-Control", "no-store");
      response.setHeader("Content-Type", "application/json");
      response.end(config ?? "{}");
    });
  };
  return {
    name: "doorkey-demo-config",
    configureServer: (server) => use(server.middlewares),
    configurePreviewServer: (server) => use(server.middlewares),
  };
}
