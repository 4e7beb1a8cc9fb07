import { Pictures } from "./pictures";

export default function Home() {
  return <Pictures />;
}
