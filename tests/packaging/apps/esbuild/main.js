import { createClient } from "@doorkey/browser";

const client = createClient({ publishableKey: "pk_test_YourKey" });
const listed = await client.fetch("https://api.example.com/pictures");
const stored = await client.fetch("https://api.example.com/pictures", { method: "POST", body: "GIF89a\x01\0\x01\0\0\0\0;" });
document.documentElement.dataset.result = JSON.stringify({ listed: listed.status, stored: stored.status });
