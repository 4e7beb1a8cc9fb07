import { DoorkeyError } from "@doorkey/browser";
import { Pictures } from "./pictures";

export default function Home() {
  // The module is loaded on the server, too, and must do no harm there.
  return <Pictures rendered={DoorkeyError.prototype.name} />;
}
