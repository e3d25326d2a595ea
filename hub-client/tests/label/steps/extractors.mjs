// Another extractor is measured and taken by one press: all tabs follow, and every label stays.

import assert from 'node:assert/strict';
import { expectAccessible, expectLabels, goTo, inBrowser, until } from '../browser.mjs';

const OTHER = 'alpha/three@1.0.0';
const FIRST = 'dots@1.0.0';

/** Begins with twenty labels, looked at through the first of two installed extractors. */
export default (address) => inBrowser(address, async (page, context) => {
  await expectLabels(page, 20);
  const second = await context.newPage();
  await second.goto(new URL('/#label', page.url()).href);
  await expectLabels(second, 20);
  await measures(page);
  await takes(page, second, OTHER);
  await undoesInTheOtherTab(page, second);
  await savesItsHead(page, OTHER);
  await takes(page, second, FIRST);
  await second.close();
});

const used = (page) => page.evaluate(async () => (await import('/assets/store.js')).store.state.extractor);

async function measures(page) {
  await goTo(page, 'compare');
  await page.getByRole('button', { name: 'Measure them' }).click();
  const row = page.getByRole('row', { name: OTHER });
  await row.waitFor({ timeout: 60_000 });
  for (const heading of ['Answers of 100', 'Made for such pictures']) await page.getByRole('columnheader', { name: heading }).waitFor();
  await row.getByText(/of 100 of these right|sure enough of none/).waitFor();
  await row.getByText('not told').waitFor();
  await page.getByText('if 9 of 10 answers must be right').waitFor();
  assert.equal(await page.getByRole('button', { name: `Use this one: ${FIRST}` }).count(), 0, 'the one in use cannot be taken');
  await expectAccessible(page, 'compare');
}

async function takes(page, second, extractor) {
  await goTo(page, 'compare');
  await page.getByRole('button', { name: `Use this one: ${extractor}` }).click();
  for (const tab of [page, second]) {
    await until(`${extractor} in each tab`, async () => (await used(tab)) === extractor);
    await tab.getByText(`${extractor} looks at your pictures now.`).first().waitFor();
    await expectLabels(tab, 20);
    await tab.getByText('40 pictures').or(tab.getByText('41 pictures')).first().waitFor();
  }
  // The table is told anew from where one stands now.
  await page.getByRole('row', { name: extractor }).getByText('in use', { exact: true }).waitFor();
  await page.getByRole('region', { name: 'Extractors compared' }).and(page.locator(':focus')).waitFor();
  await second.locator('.band-number .figures').waitFor();
}

async function undoesInTheOtherTab(page, second) {
  await second.locator('.tile').first().click();
  // What was done last is a picture set aside.
  for (let step = 0; step < 2; step += 1) await second.keyboard.press('u');
  await expectLabels(page, 19);
  for (let step = 0; step < 2; step += 1) await second.keyboard.press('r');
  await expectLabels(page, 20);
}

async function savesItsHead(page, extractor) {
  await goTo(page, 'finish');
  await page.getByRole('textbox', { name: 'Name' }).fill('colours');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('.good').getByText('Saved as colours, version 1').waitFor();
  await page.locator('.command').getByText(`--extractor ${extractor}`).waitFor();
}
