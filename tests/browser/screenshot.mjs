// Takes the README's picture of the demo, and with a folder as argument the page at three widths in both themes.

import { fileURLToPath } from "node:url";
import { launch, open } from "./chromium.mjs";
import { startDemo } from "./demo.mjs";

const folder = process.argv[2];
const demo = await startDemo();
const browser = await launch();

async function shoot(path, { width, height, colorScheme, fullPage = false }) {
  const { page, close } = await open(browser, demo.page, { viewport: { width, height }, colorScheme, deviceScaleFactor: folder ? 1 : 1.5 });
  for (let pictures = 1; pictures <= 3; pictures += 1) {
    const before = await page.getByTestId("picture-row").count();
    await page.getByTestId("upload-sample").click();
    await page.getByTestId("picture-row").nth(Math.min(before, 4)).waitFor();
  }
  await page.getByTestId("attack-all").click();
  await page.locator("[data-testid=attack-secret-sent-result][data-code]").waitFor();
  await page.mouse.move(0, 0);
  await page.screenshot({ path, fullPage });
  await close();
}

try {
  if (folder) {
    for (const width of [360, 768, 1280]) {
      for (const colorScheme of ["light", "dark"]) {
        await shoot(`${folder}/${colorScheme}-${width}.png`, { width, height: 900, colorScheme, fullPage: true });
      }
    }
  } else {
    await shoot(fileURLToPath(new URL("../../www/demo/screenshot.png", import.meta.url)), { width: 1280, height: 1500, colorScheme: "light" });
  }
} finally {
  await browser.close();
  await demo.stop();
}
