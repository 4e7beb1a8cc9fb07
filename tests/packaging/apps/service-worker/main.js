const url = new URLSearchParams(location.search).get("worker");
await navigator.serviceWorker.register(url, { type: url === "worker.js" ? "module" : "classic" });
if (!navigator.serviceWorker.controller) {
  await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
}
const listed = await fetch("https://api.example.com/pictures");
const stored = await fetch("https://api.example.com/pictures", { method: "POST", body: "GIF89a\x01\0\x01\0\0\0\0;" });
document.documentElement.dataset.result = JSON.stringify({ listed: listed.status, stored: stored.status });
