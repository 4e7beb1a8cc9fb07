import { useEffect } from "react";
import { useDoorkey, useSession } from "@doorkey/browser/react";

export function Pictures() {
  const client = useDoorkey();
  const { session } = useSession();
  useEffect(() => {
    if (!session) return;
    const show = async () => {
      const listed = await client.fetch("https://api.example.com/pictures");
      const stored = await client.fetch("https://api.example.com/pictures", { method: "POST", body: "GIF89a\x01\0\x01\0\0\0\0;" });
      document.documentElement.dataset.result = JSON.stringify({ listed: listed.status, stored: stored.status });
    };
    void show();
  }, [client, session]);
  return <p>{session?.scopes.join()}</p>;
}
