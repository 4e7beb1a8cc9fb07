const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.onerror = (event) => reportError(new Error(`the worker failed: ${event.message}`));
worker.onmessage = ({ data }) => (document.documentElement.dataset.result = JSON.stringify(data));
