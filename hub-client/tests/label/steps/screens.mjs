// Pictures of every screen, light and dark, wide and narrow: to be looked at, and for docs/LABEL.md.
//
//     node run.mjs screens ADDRESS OUT CLASS CLASS…     pictures lie in folders that are called as their class
//
// They are kept as they are written, in true colour: with a palette of 256 colours those of the classes are lost.

import { currentPath, expectLabels, goTo, inBrowser, labels, until } from '../browser.mjs';

const LABELS = 28;
const SIZES = { wide: { width: 1280, height: 800 }, middle: { width: 820, height: 1000 }, narrow: { width: 390, height: 780 } };
const SCREENS = ['start', 'label', 'map', 'groups', 'odd', 'alike', 'suspects', 'compare', 'check', 'finish'];

export default (address, out, ...classes) => inBrowser(address, async (page) => {
  await goTo(page, 'start');
  const known = await page.evaluate(async () => (await import('/assets/store.js')).store.classes.map(({ name }) => name));
  for (const name of classes.filter((one) => !known.includes(one))) {
    await page.evaluate(async (add) => (await import('/assets/store.js')).store.change('/api/classes', { add }), name);
  }
  await labelSome(page, classes);
  await until('the map', () => page.evaluate(async () => (await import('/assets/store.js')).store.state.done.map));
  await compare(page);
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      for (const screen of SCREENS) {
        await goTo(page, screen === 'alike' ? 'alike/20' : screen);
        await prepare(page, screen);
        await page.mouse.move(0, 0);
        await quiet(page);
        await page.screenshot({ path: `${out}/${screen}-${theme}-${size}.png` });
      }
    }
  }
});

async function labelSome(page, classes) {
  await goTo(page, 'label');
  await page.locator('.tile .why').first().waitFor();
  await page.locator('.tile').first().click();
  for (let number = (await labels(page)) + 1; number <= LABELS; number += 1) {
    const path = await currentPath(page);
    const right = classes.indexOf(path.split('/')[0]);
    // One is called wrongly, so that there is something to doubt.
    await page.keyboard.press(String(1 + (number === 17 ? (right + 1) % classes.length : right)));
    await expectLabels(page, number);
    await page.waitForFunction((before) => document.querySelector('.tile.current')?.title.split(' – ')[0] !== before, path);
  }
}

async function compare(page) {
  await goTo(page, 'compare');
  await page.getByRole('button', { name: /Measure/ }).click();
  await page.locator('compare-screen tbody tr').first().waitFor({ timeout: 120_000 });
}

/** Brings a screen to where it shows what it can. */
async function prepare(page, screen) {
  if (screen === 'label') await page.locator('.tile').first().click();
  if (screen === 'check') await page.locator('.matrix button:enabled').first().click();
  if (screen === 'finish') {
    await page.getByRole('textbox', { name: 'Name' }).fill('land-cover');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.locator('.command').first().waitFor();
    await page.locator('.page').evaluate((place) => place.scrollTo(0, 0));
  }
}

/** Waits until the pictures in sight are drawn. */
async function quiet(page) {
  const drawn = () => [...document.images].every((one) => one.complete || one.loading === 'lazy');
  await page.waitForFunction(drawn, undefined, { timeout: 5_000 });
  await page.waitForTimeout(700);
}
