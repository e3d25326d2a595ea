// From an empty page to twenty labels: the classes, the keys, the accuracy, undo, and a second tab.

import assert from 'node:assert/strict';
import { currentPath, expectLabels, inBrowser, labels } from '../browser.mjs';

const TWENTY = 20;

/** Pictures lie in folders that are called as their class. */
export default (address) => inBrowser(address, async (page, context) => {
  await seesWhatIsThere(page);
  await namesTwoClasses(page);
  await labelsTwenty(page);
  await undoesAndRedoes(page);
  await seesTheSameInAnotherTab(page, context);
});

async function seesWhatIsThere(page) {
  await page.getByRole('heading', { name: 'What do you want to tell apart?' }).waitFor();
  await page.getByText('Your pictures stay on this computer').waitFor();
  await page.getByText(/cannot be read/).first().waitFor();
  await page.locator('start-screen summary').click();
  await page.locator('.failures').getByText('broken.png').waitFor();
}

async function namesTwoClasses(page) {
  const field = page.getByRole('textbox', { name: 'Name of a class' });
  for (const name of ['red', 'green']) {
    await field.fill(name);
    await field.press('Enter');
    await page.getByRole('button', { name: `Change class ${name}` }).waitFor();
  }
  await page.getByRole('link', { name: 'Start labelling' }).click();
  await page.locator('accuracy-band').getByText('No number yet').waitFor();
}

async function labelsTwenty(page) {
  const widths = [];
  await page.locator('.tile').first().click();
  for (let number = 1; number <= TWENTY; number += 1) {
    const path = await currentPath(page);
    await page.keyboard.press(path.startsWith('red/') ? '1' : '2');
    await expectLabels(page, number);
    await page.waitForFunction((before) => document.querySelector('.tile.current')?.title.split(' – ')[0] !== before, path);
    if (number < 2) await page.locator('accuracy-band').getByText('No number yet').waitFor();
    const figures = await page.locator('.band-number .figures').allTextContents();
    if (figures.length) widths.push(figures[0].split('–').map(Number));
  }
  assert(widths.length > 5, 'an accuracy is shown from two labels a class on');
  const [first, last] = [widths[0], widths.at(-1)];
  assert(last[1] - last[0] < first[1] - first[0], `the band narrows: ${first} to ${last}`);
  await page.locator('.band-sentence').getByText(`From ${TWENTY} labels`).waitFor();
  await page.locator('#live', { hasText: /picture \d+ of \d+ labelled (red|green), accuracy between \d+ and \d+ in 100/ }).waitFor({ state: 'attached' });
  await page.getByText('All saved').waitFor();
}

async function undoesAndRedoes(page) {
  await page.keyboard.press('u');
  await expectLabels(page, TWENTY - 1);
  await page.keyboard.press('Control+z');
  await expectLabels(page, TWENTY - 2);
  await page.keyboard.press('Control+Shift+Z');
  await expectLabels(page, TWENTY - 1);
  await page.keyboard.press('r');
  await expectLabels(page, TWENTY);
}

async function seesTheSameInAnotherTab(page, context) {
  const other = await context.newPage();
  await other.goto(new URL('/', page.url()).href);
  await expectLabels(other, TWENTY);
  await other.locator('.tile').first().click();
  await other.keyboard.press('0');
  await page.locator('.others [data-class=":skip"] .class-count').getByText('1').waitFor();
  assert.equal(await labels(page), TWENTY);
  await other.close();
}
