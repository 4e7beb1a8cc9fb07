import { DoorkeyError } from "@doorkey/browser";
import { DoorkeyProvider } from "@doorkey/browser/react";
import { Pictures } from "./pictures";

export default function Home() {
  // The module is loaded on the server, too, and must do no harm there.
  return (
    <DoorkeyProvider publishableKey="pk_test_YourKey">
      <Pictures rendered={DoorkeyError.prototype.name} />
    </DoorkeyProvider>
  );
}
