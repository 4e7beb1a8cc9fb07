await navigator.serviceWorker.register("default.js", { type: "module" });
const { active } = await navigator.serviceWorker.ready;
const { port1, port2 } = new MessageChannel();
const answer = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
active.postMessage("call", [port2]);
document.documentElement.dataset.result = JSON.stringify(await answer);
