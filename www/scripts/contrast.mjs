// Checks the contrast of every pair of tokens that a screen uses, in both themes (WCAG 2.2: 4.5 for text, 3 for the
// edges of controls). Reads src/look/tokens.css; prints what fails and ends with 1.

import { readFileSync } from "node:fs";

const TEXT = 4.5;
const EDGE = 3;
const GROUNDS = ["--paper", "--raised", "--sunken"];
const PAIRS = [
  ...["--ink", "--ink-2", "--ink-3", "--brass-ink", "--ok", "--warn", "--bad"].flatMap((ink) =>
    GROUNDS.map((ground) => [ink, ground, TEXT]),
  ),
  ["--on-brass", "--brass", TEXT],
  ["--on-bad", "--bad", TEXT],
  ["--paper", "--ink", TEXT],
  ...GROUNDS.map((ground) => ["--line-2", ground, EDGE]),
];

/** Relative luminance of an `oklch()` colour, after Ottosson's OKLab and WCAG's definition. */
function luminance(colour) {
  const [lightness, chroma, hue] = colour.match(/[\d.]+/g).map(Number);
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const L = lightness / 100;
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value) => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const css = readFileSync(new URL("../src/look/tokens.css", import.meta.url), "utf8");
const tokens = new Map(
  [...css.matchAll(/(--[\w-]+): light-dark\((oklch\([^)]+\)), (oklch\([^)]+\))\)/g)].map(
    ([, name, light, dark]) => [name, { light, dark }],
  ),
);

const failures = [];
for (const theme of ["light", "dark"]) {
  for (const [ink, ground, least] of PAIRS) {
    const [darker, lighter] = [ink, ground].map((name) => luminance(tokens.get(name)[theme])).sort((x, y) => x - y);
    const ratio = (lighter + 0.05) / (darker + 0.05);
    if (ratio < least) failures.push(`${theme}: ${ink} on ${ground} is ${ratio.toFixed(2)}, needs ${least}`);
  }
}

console.log(failures.length ? failures.join("\n") : `contrast: ${PAIRS.length} pairs hold in both themes`);
process.exitCode = failures.length ? 1 : 0;
