// DESIGN 4.6: what a verifier signs in to its issuer with.
// Shape: accepted { name, text, verifier_id, issuer }, all of one seed; refused { name, text, code, offset? }; requests { name, authority, x, request } are signed.

import { id, keyStrings, replaceAt, seal } from "./key-strings.mjs";
import { crc32, keyPair, typeId } from "./primitives.mjs";
import { COMPONENTS, signed } from "./requests.mjs";

const key = keyPair(8);
const vk = (issuer, options) => seal("vk_", [id, key.seed, Buffer.from(issuer)], options);

export function verifierCredentials() {
  const verifier_id = typeId("ver", id);
  const plain = vk("localhost:7700");
  const accept = (name, host, issuer) => ({ name, text: vk(host), verifier_id, issuer });
  const accepted = [
    accept("a loopback issuer means http", "localhost:7700", "http://localhost:7700"),
    accept("a remote issuer means https", "keys.example.com", "https://keys.example.com"),
    accept("an issuer with a port", "keys.example.com:8443", "https://keys.example.com:8443"),
    accept("the longest issuer", `${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(61)}:65535`, `https://${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(61)}:65535`),
  ];
  const [publishable, secret] = ["pk", "sk"].map((kind) => keyStrings().accepted.find((vector) => vector.kind === kind).text);
  const refused = [
    { name: "empty", text: "", offset: 0 },
    { name: "the prefix alone", text: "vk_" },
    { name: "no prefix", text: plain.slice("vk_".length), offset: 0 },
    { name: "the prefix in upper case", text: plain.replace("vk_", "VK_"), offset: 0 },
    { name: "a brand in front", text: `acme_${plain}`, offset: 0 },
    { name: "an environment behind the prefix", text: seal("vk_live_", [id, key.seed, Buffer.from("localhost")]) },
    { name: "a character outside base58", text: replaceAt(plain, 20, "0"), offset: 20 },
    { name: "one character changed", text: replaceAt(plain, 20, plain[20] === "z" ? "y" : "z") },
    { name: "the last character cut off", text: plain.slice(0, -1) },
    { name: "a space at the end", text: `${plain} ` },
    { name: "a checksum over the body alone", text: seal("vk_", [id, key.seed, Buffer.from("localhost")], { sum: (_, body) => crc32(body) }) },
    { name: "version 2", text: vk("localhost", { version: 2 }) },
    { name: "no issuer", text: vk("") },
    { name: "an issuer with upper case", text: vk("Localhost") },
    { name: "an issuer with a scheme", text: vk("https://localhost") },
    { name: "a seed cut off", text: seal("vk_", [id, key.seed.subarray(1)]) },
    { name: "a secret key's body", text: secret.replace("sk_live_", "vk_") },
    { name: "longer than 512 characters", text: vk("a".repeat(400)), offset: 512 },
    { name: "a publishable key", text: publishable, code: "wrong_key_kind" },
    { name: "a secret key", text: secret, code: "wrong_key_kind" },
  ].map((vector) => ({ code: "malformed_key", ...vector }));
  const signer = { key, keyid: verifier_id, authorization: null, origin: null, components: COMPONENTS.slice(0, 4) };
  const requests = [{ name: "a look at the directory", authority: "api.example.com", x: key.x, request: signed({ ...signer, target: "/v1/directory?since=0" }) }];
  return { accepted, refused, requests };
}
