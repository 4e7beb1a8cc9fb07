import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { DoorkeyProvider } from "@doorkey/browser/react";
import { Pictures } from "./Pictures.tsx";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <DoorkeyProvider publishableKey="pk_test_YourKey">
      <Pictures />
    </DoorkeyProvider>
  </StrictMode>,
);
