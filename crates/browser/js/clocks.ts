/** Both clocks of the browser at one moment, in milliseconds; what they mean is decided in Rust. */
export const clocks = (): [wall: number, monotonic: number] => [Date.now(), performance.now()];
