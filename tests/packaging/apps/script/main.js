import { createClient } from "/node_modules/@doorkey/browser/dist/index.js";

const custody = new URLSearchParams(location.search).get("custody") ?? "auto";
const client = createClient({ publishableKey: "pk_test_YourKey", custody });
const listed = await client.fetch("https://api.example.com/pictures");
const stored = await client.fetch("https://api.example.com/pictures", { method: "POST", body: "GIF89a\x01\0\x01\0\0\0\0;" });
const held = (await client.session()).custody;
document.documentElement.dataset.result = JSON.stringify({ listed: listed.status, stored: stored.status, held });
