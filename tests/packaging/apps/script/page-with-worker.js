const worker = new Worker("worker.js", { type: "module" });
worker.onerror = (event) => reportError(new Error(`the worker failed: ${event.message}`));
worker.onmessage = ({ data }) => (document.documentElement.dataset.result = JSON.stringify(data));
