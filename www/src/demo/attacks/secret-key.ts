import { createClient, DoorkeyError } from "@doorkey/browser";
import FileKey from "@lucide/svelte/icons/file-key";
import Send from "@lucide/svelte/icons/send";
import type { Attack } from "./attack.ts";
import type { Lab } from "./lab.ts";

/** The mistake, in the page: the SDK refuses before anything leaves. */
export function secretKeyInPage(lab: Lab): Attack {
  return {
    id: "attack-secret",
    title: "Put secret key in page",
    explains: "Gives a secret key to createClient. No request may leave the page.",
    icon: FileKey,
    expects: "wrong_key_kind",
    async run() {
      let sent = 0;
      const counting: typeof fetch = (input, init) => {
        sent += 1;
        return fetch(input, init);
      };
      try {
        createClient({ publishableKey: lab.config.leaked_secret_key, fetch: counting });
      } catch (error) {
        if (!(error instanceof DoorkeyError)) throw error;
        if (sent === 0) {
          return { kind: "refused", code: error.code, status: error.status, note: "No request sent" };
        }
      }
      return { kind: "got-through", status: 0 };
    },
  };
}

/** The mistake, on the wire: somebody wrote the request without the SDK. */
export function secretKeySent(lab: Lab): Attack {
  return {
    id: "attack-secret-sent",
    title: "Send secret key",
    explains: "Calls the API with a secret key straight from the page.",
    icon: Send,
    expects: "secret_key_in_browser",
    run() {
      const headers = { authorization: `Bearer ${lab.config.leaked_secret_key}` };
      return lab.send(new Request(lab.url("/pictures"), { headers }), "send secret key");
    },
  };
}
