import { createClient } from "@doorkey/browser/inline";

const client = createClient({ publishableKey: "pk_test_YourKey" });
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.url.startsWith("https://api.example.com/")) event.respondWith(client.fetch(event.request));
});
