import { createClient, DoorkeyError } from "/node_modules/@doorkey/browser/dist/index.js";

const client = createClient({ publishableKey: "pk_test_YourKey" });
addEventListener("message", async ({ ports: [port] }) => {
  const error = await client.fetch("https://api.example.com/pictures").catch((error) => error);
  const { code, hint } = error;
  port.postMessage({ isDoorkeyError: error instanceof DoorkeyError, code, message: hint });
});
