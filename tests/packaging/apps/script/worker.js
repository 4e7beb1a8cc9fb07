import { createClient } from "/node_modules/@doorkey/browser/dist/index.js";

const client = createClient({ publishableKey: "pk_test_YourKey" });
const listed = await client.fetch("https://api.example.com/pictures");
const stored = await client.fetch("https://api.example.com/pictures", { method: "POST", body: "GIF89a\x01\0\x01\0\0\0\0;" });
postMessage({ listed: listed.status, stored: stored.status });
