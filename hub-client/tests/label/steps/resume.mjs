// After the program was killed: everything is there; looking around; finishing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { atRest, expectLabels, goTo, inBrowser } from '../browser.mjs';

/** `picture` is a picture from outside of the folder. */
export default (address, picture) => inBrowser(address, async (page) => {
  await findsEverything(page);
  await looksAtTheMap(page);
  await looksAtGroupsAndTheOdd(page);
  await findsLookAlikes(page, picture);
  await tellsWhatLooksWrong(page);
  await checks(page, picture);
  await compares(page);
  await finishes(page);
});

async function findsEverything(page) {
  await expectLabels(page, 20);
  await page.locator('.others [data-class=":skip"] .class-count').getByText('1').waitFor();
  await page.locator('.band-number .figures').waitFor();
  // What was done before the program was killed can still be undone.
  await page.locator('.tile').first().click();
  await page.keyboard.press('u');
  await page.locator('.others [data-class=":skip"] .class-count').getByText('0').waitFor();
}

async function looksAtTheMap(page) {
  await page.keyboard.press('m');
  const map = page.locator('map-view');
  await map.waitFor();
  await page.waitForFunction(() => document.querySelector('map-view')?.isEmpty === false);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await page.locator('current-picture .file').waitFor();
  await page.getByRole('button', { name: /lasso/ }).click();
  const box = await map.boundingBox();
  const corners = [[0.01, 0.01], [0.9, 0.02], [0.9, 0.99], [0.01, 0.99]].map(([x, y]) => [box.x + box.width * x, box.y + box.height * y]);
  await page.mouse.move(...corners[0]);
  await page.mouse.down();
  for (const corner of [...corners.slice(1), corners[0]]) await page.mouse.move(...corner, { steps: 8 });
  await page.mouse.up();
  await page.locator('.chosen').getByText(/\d+ chosen/).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.chosen').getByText('chosen').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'As a list' }).click();
  await page.getByRole('grid', { name: /pictures of the map/ }).getByRole('gridcell').first().waitFor();
  await page.getByRole('button', { name: 'As a map' }).click();
}

async function looksAtGroupsAndTheOdd(page) {
  await page.locator('main').focus();
  await page.keyboard.press('g');
  await page.getByRole('button', { name: 'Label this group' }).first().click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('main').focus();
  await page.keyboard.press('o');
  const tile = page.locator('odd-screen .tile').first();
  await tile.click();
  await page.keyboard.press('x');
  const leftOut = page.locator('.others [data-class=":exclude"] .class-count');
  await leftOut.getByText('1').waitFor();
  await page.keyboard.press('u');
  await leftOut.getByText('0').waitFor();
}

async function findsLookAlikes(page, picture) {
  await page.locator('odd-screen .tile').first().click();
  await page.keyboard.press('n');
  const tiles = page.locator('alike-screen .tile:visible');
  await tiles.first().waitFor();
  await page.getByRole('button', { name: 'Choose all of these' }).click();
  await page.locator('.chosen').getByText(/\d+ chosen/).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('alike-screen input[type="file"]').setInputFiles(picture);
  await page.locator('alike-screen').getByText('Not kept').waitFor();
  await tiles.first().waitFor();
}

/** Gives a wrong label, sees it doubted or the accuracy move, and takes it back. */
async function tellsWhatLooksWrong(page) {
  await goTo(page, 'label');
  await page.getByRole('combobox', { name: 'Show' }).selectOption('labelled');
  const tile = page.locator('label-screen .tile').first();
  await tile.click();
  const path = (await tile.getAttribute('title')).split(' – ')[0];
  await page.keyboard.press(path.startsWith('red/') ? '2' : '1');
  await expectLabels(page, 20);
  await goTo(page, 'suspects');
  const row = page.locator('.suspect-row').first();
  await row.getByRole('button', { name: /Change to/ }).click();
  await page.getByText('No label looks wrong').waitFor();
  await goTo(page, 'label');
  await page.getByRole('combobox', { name: 'Show' }).selectOption('open');
}

async function checks(page, picture) {
  await atRest(page);
  await goTo(page, 'check');
  const cell = page.locator('.matrix button[data-right="true"]:enabled').first();
  const number = Number(await cell.textContent());
  await cell.click();
  assert.equal(await page.locator('.cell-pictures .small-picture').count(), number, 'a cell opens to exactly its pictures');
  const slider = page.getByRole('slider', { name: 'How bold it may be' });
  await slider.focus();
  await page.keyboard.press('ArrowRight');
  await page.locator('#coverage-words').getByText(/It answers \d+ of 100|labels are needed/).waitFor();
  await page.locator('check-screen input[type="file"]').setInputFiles(picture);
  await page.getByText('Because it is most like these').waitFor();
}

async function compares(page) {
  await Promise.all([page.waitForResponse('**/api/compare'), goTo(page, 'compare')]);
  // One answer gets lost; it is asked again.
  let lost = 0;
  await page.route('**/api/compare', (route) => {
    if (route.request().method() !== 'GET' || lost) return route.continue();
    lost += 1;
    return route.fulfill({ status: 400, body: '{}' });
  });
  await page.getByRole('button', { name: 'Measure them' }).click();
  await page.locator('.toast.error').evaluate((one) => one.remove());
  await page.locator('compare-screen tbody tr').first().waitFor();
  await page.getByRole('button', { name: 'Measure again' }).and(page.locator(':focus')).waitFor();
  await page.unroute('**/api/compare');
  await page.getByText('in use', { exact: true }).waitFor();
}

async function finishes(page) {
  await goTo(page, 'finish');
  const name = page.getByRole('textbox', { name: 'Name' });
  await name.fill('No Such Name!');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('alert').first().waitFor();
  await name.fill('colours');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('.good').getByText('Saved as colours, version 1').waitFor();
  await page.locator('.command').getByText(/hub predict/).waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /Your labels/ }).click()]);
  const csv = readFileSync(await download.path(), 'utf8').trim().split('\n');
  assert.equal(csv.length, 21, 'a line for each label and one above');
}
