// axe-core finds nothing on any screen, light and dark, wide and narrow.

import assert from 'node:assert/strict';
import { expectAccessible, goTo, inBrowser } from '../browser.mjs';

const SCREENS = ['start', 'label', 'map', 'groups', 'odd', 'alike/0', 'suspects', 'compare', 'check', 'finish'];

// axe-core is put into the page by the test, which the page's own policy would refuse.
export default (address) => inBrowser(address, everyScreen, { bypassCSP: true });

async function everyScreen(page) {
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 720 });
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      for (const screen of SCREENS) {
        await goTo(page, screen);
        await drawn(page);
        const where = `${screen}, ${theme}, ${width} px`;
        await expectAccessible(page, where);
        await twins(page, screen, where);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert(overflow <= 0, `${where}: ${overflow} px too wide`);
      }
    }
  }
}

/** Waits until what was asked for has been drawn. */
const drawn = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));

/** The list of the map, the dialogs, the large picture. */
async function twins(page, screen, where) {
  if (screen === 'map') {
    await page.getByRole('button', { name: 'As a list' }).click();
    await expectAccessible(page, `${where}, as a list`);
    await page.getByRole('button', { name: 'As a map' }).click();
  }
  if (screen !== 'label') return;
  await page.locator('.tile').first().click();
  for (const key of ['?', ' ', 'l']) {
    await page.keyboard.press(key);
    await page.getByRole('dialog').waitFor();
    await expectAccessible(page, `${where}, key ${key}`);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
}
