import { createSubscriber } from "svelte/reactivity";

const subscribe = createSubscriber((update) => {
  const ticking = setInterval(update, 1000);
  return () => clearInterval(ticking);
});

/** The time in milliseconds; whoever reads it while rendering is rendered again each second. */
export function tickingNow(): number {
  subscribe();
  return Date.now();
}
