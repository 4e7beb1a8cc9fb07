import { createClient } from "@doorkey/browser";

const client = createClient({ publishableKey: "pk_test_YourKey" });

// Vite builds a classic script for a worker, which cannot wait at its top level.
async function main() {
  const listed = await client.fetch("https://api.example.com/pictures");
  const stored = await client.fetch("https://api.example.com/pictures", { method: "POST", body: "GIF89a\x01\0\x01\0\0\0\0;" });
  postMessage({ listed: listed.status, stored: stored.status });
}

void main();
