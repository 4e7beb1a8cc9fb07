/** What `cargo xtask demo` tells the page; served as `/config.json`. Addresses are origins without a final slash. */
export interface DemoConfig {
  issuer: string;
  api: string;
  page: string;
  publishable_key: string;
  /** A key whose session tokens live for two seconds. */
  short_lived_publishable_key: string;
  /** A secret key that somebody put into the page by mistake. */
  leaked_secret_key: string;
}

/** The configuration, or `undefined` where nobody serves one. */
export async function loadConfig(): Promise<DemoConfig | undefined> {
  const response = await fetch("/config.json");
  return response.ok ? ((await response.json()) as DemoConfig) : undefined;
}
