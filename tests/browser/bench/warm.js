import { createClient } from "/doorkey/index.js";

/** What a warm call adds to the `fetch` inside of it, in milliseconds, once for each of so many calls. */
export async function warm(publishableKey, url, count, init) {
  let network = 0;
  const timed = async (request) => {
    const start = performance.now();
    const response = await fetch(request);
    network = performance.now() - start;
    return response;
  };
  const client = createClient({ publishableKey, fetch: timed });
  await (await client.fetch(url, init)).arrayBuffer();
  const added = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    const response = await client.fetch(url, init);
    added.push(performance.now() - start - network);
    await response.arrayBuffer();
  }
  return added;
}
