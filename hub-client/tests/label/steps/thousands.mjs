// Ten thousand pictures: the page is of use while they are looked at, and as quick to scroll as a few.

import assert from 'node:assert/strict';
import { currentPath, expectLabels, goTo, inBrowser, until } from '../browser.mjs';

const PICTURES = 10_000;
const LABELS = 8;
const MOST_LABELS = 40;
const MOST_TILES = 400;
const LOOKING_MILLISECONDS = 900_000;

/** Pictures lie in folders that are called as their class. */
export default (address) => inBrowser(address, async (page) => {
  await page.locator('status-line').getByText(/of 10,000 looked at|10,000 pictures/).waitFor();
  await labels(page);
  await scrolls(page);
  await findsOne(page);
  await seesThemAll(page);
});

async function labels(page) {
  for (const name of ['red', 'green']) {
    await page.getByRole('textbox', { name: 'Name of a class' }).fill(name);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: `Change class ${name}` }).waitFor();
  }
  await goTo(page, 'label');
  await page.locator('.tile .why').first().waitFor();
  await page.locator('.tile').first().click();
  // Which is suggested first depends on which were looked at first: until there are two of each.
  const labels = [0, 0];
  for (let number = 1; number <= MOST_LABELS && (number <= LABELS || Math.min(...labels) < 2); number += 1) {
    const path = await currentPath(page);
    const label = path.startsWith('red/') ? 0 : 1;
    labels[label] += 1;
    await page.keyboard.press(String(1 + label));
    await expectLabels(page, number);
    await page.waitForFunction((before) => [...document.querySelectorAll('.tile.current')].find((one) => one.checkVisibility())?.title.split(' – ')[0] !== before, path);
  }
}

/** Only what is in sight exists, and the last picture is reached. */
async function scrolls(page) {
  await page.getByRole('combobox', { name: 'Show' }).selectOption('all');
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('name');
  await page.locator('label-screen .tile:visible').first().click();
  await page.keyboard.press('End');
  await page.locator('.tile.current[title^="red/"]:visible').waitFor();
  await isDrawn(page, '.tile.current[title^="red/"]');
  const tiles = await page.locator('.tile').count();
  assert(tiles > 0 && tiles < MOST_TILES, `${tiles} tiles`);
}

async function findsOne(page) {
  await page.keyboard.press('/');
  await page.keyboard.type('green/1234');
  await page.locator('label-screen .found').getByText('1 picture').waitFor();
  await isDrawn(page, '.tile[title^="green/1234.png"]');
}

/** Waits for a tile's picture; not by `decode()`, which fails when the tile gets its picture just then. */
const isDrawn = (page, tile) => page.waitForFunction((wanted) =>
  [...document.querySelectorAll(`label-screen ${wanted} img`)].some((one) => one.checkVisibility() && one.naturalWidth > 0), tile);

async function seesThemAll(page) {
  await until('all pictures', () => page.evaluate(async (total) => {
    const { images, done } = (await import('/assets/store.js')).store.state;
    return (images.embedded === total && done.labels) || images.embedded;
  }, PICTURES), LOOKING_MILLISECONDS);
  await page.locator('accuracy-band[data-known="yes"]').waitFor();
}
