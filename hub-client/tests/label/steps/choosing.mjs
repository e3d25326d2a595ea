// Many pictures at once, by mouse and by keys; a class by its first letters; order, filter, search; other keys.

import assert from 'node:assert/strict';
import { currentPath, expectLabels, goTo, inBrowser, labels } from '../browser.mjs';

/** Begins with at least twenty labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await goTo(page, 'label');
  const before = await labels(page);
  await rangesAndDrags(page, before);
  await comesBackToWhatIsUndone(page, before);
  await labelsTheLargePicture(page, before);
  await typesAClass(page, before);
  await sortsAndFilters(page);
  await changesAKey(page);
  await choosesColours(page);
});

async function rangesAndDrags(page, before) {
  const tile = (place) => page.locator('label-screen .tile:visible').nth(place);
  await page.getByRole('combobox', { name: 'Show' }).selectOption('all');
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('name');
  await tile(0).click();
  await tile(2).click({ modifiers: ['Shift'] });
  await page.locator('.chosen').getByText('3 chosen').waitFor();
  await tile(1).click({ modifiers: ['Control'] });
  await page.locator('.chosen').getByText('2 chosen').waitFor();
  await page.keyboard.press('Escape');

  // Three are marked by a drag, and the same by the class's button, which is the twin of the drag.
  const count = page.locator('.others [data-class=":exclude"] .class-count');
  await tile(0).focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Shift+ArrowRight');
  await page.locator('.chosen').getByText('3 chosen').waitFor();
  await tile(0).dragTo(page.locator('.others [data-class=":exclude"]'));
  await count.getByText('3').waitFor();
  await page.keyboard.press('u');
  await count.getByText('0').waitFor();
  // They are chosen again.
  await page.locator('.chosen').getByText('3 chosen').waitFor();
  await tile(0).focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.locator('.others [data-class=":exclude"] button').click();
  await count.getByText('2').waitFor();
  await tile(0).focus();
  await page.keyboard.press('u');
  await expectLabels(page, before);
}

/** What is undone is looked at again, though other suggestions are on the table by now; what cannot be done is said where it is seen. */
async function comesBackToWhatIsUndone(page, before) {
  await page.getByRole('combobox', { name: 'Show' }).selectOption('open');
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('next');
  await page.locator('label-screen .tile:visible').first().click();
  const path = await currentPath(page);
  await page.keyboard.press('1');
  await expectLabels(page, before + 1);
  await page.getByRole('button', { name: 'New suggestions' }).click();
  await page.locator(`label-screen .tile[title^="${path} "]:visible`).waitFor({ state: 'detached' });
  await page.keyboard.press('u');
  await page.locator('.flash').getByText('Undone: ').waitFor();
  await page.locator(`label-screen .tile.current[title^="${path} "]:visible`).waitFor();
  await expectLabels(page, before);
  await page.keyboard.press('9');
  await page.locator('.flash').getByText('No class has the number 9 yet').waitFor();
}

/** In the large picture, the buttons below it do what the keys do. */
async function labelsTheLargePicture(page, before) {
  await page.locator('label-screen .tile:visible').first().click();
  const path = await currentPath(page);
  await page.keyboard.press(' ');
  const large = page.locator('#preview');
  await large.locator(`img[alt^="${path},"]`).waitFor();
  await large.getByRole('button', { name: 'red' }).click();
  await expectLabels(page, before + 1);
  // The picture before is not seen under the name of the next.
  const next = await currentPath(page);
  assert.notEqual(next, path);
  await large.locator(`img[alt^="${next},"]`).waitFor();
  assert.equal(await large.locator('img').count(), 1);
  await page.keyboard.press('u');
  await expectLabels(page, before);
  await page.keyboard.press('Escape');
}

async function typesAClass(page, before) {
  await page.getByRole('combobox', { name: 'Show' }).selectOption('open');
  await page.locator('label-screen .tile:visible').first().click();
  await page.keyboard.press('Shift+G');
  const field = page.getByRole('combobox', { name: 'First letters of a class' });
  await page.getByRole('listbox').getByRole('option', { name: 'green' }).waitFor();
  await field.press('Enter');
  await expectLabels(page, before + 1);
  await page.keyboard.press('l');
  await field.fill('blue');
  await page.getByRole('listbox').getByRole('option', { name: 'New class blue' }).waitFor();
  await field.press('Enter');
  await page.locator('.classes [data-class="blue"]').waitFor();
  await page.locator('label-screen .tile:visible').first().focus();
  for (let step = 0; step < 2; step += 1) await page.keyboard.press('u');
  await expectLabels(page, before);
}

async function sortsAndFilters(page) {
  const show = page.getByRole('combobox', { name: 'Show' });
  const titles = () => page.locator('label-screen .tile:visible').evaluateAll((tiles) => tiles.map((tile) => tile.title));
  await show.selectOption({ label: 'Labelled green' });
  const green = await titles();
  assert(green.length > 0 && green.every((title) => title.includes('labelled green')), green.join('\n'));
  for (const order of ['doubt', 'odd', 'group', 'name']) await page.getByRole('combobox', { name: 'Sort' }).selectOption(order);
  await show.selectOption('all');
  await page.getByRole('searchbox').fill('red/007');
  await page.locator('label-screen .found').getByText('1 picture').waitFor();
  assert.deepEqual((await titles()).map((title) => title.split(' – ')[0]), ['red/007.png']);
  await page.getByRole('searchbox').fill('no such file');
  await page.getByText('No picture here').waitFor();
  await page.getByRole('button', { name: 'Show pictures without a label' }).click();
  await page.locator('label-screen .tile:visible').first().waitFor();
}

/** A key is changed and works; then single keys are switched off and do nothing. */
async function changesAKey(page) {
  const tile = page.locator('label-screen .tile:visible').first();
  const skipped = page.locator('.others [data-class=":skip"] .class-count');
  const number = Number(await skipped.textContent());
  await tile.focus();
  await page.keyboard.press('?');
  await page.getByRole('button', { name: 'Change the key for: Not sure: set it aside' }).click();
  await page.keyboard.press('q');
  await page.getByRole('dialog').locator('kbd', { hasText: 'q' }).waitFor();
  await page.keyboard.press('Escape');
  await tile.focus();
  await page.keyboard.press('q');
  await skipped.getByText(String(number + 1)).waitFor();
  await page.keyboard.press('u');
  await skipped.getByText(String(number)).waitFor();

  await page.getByRole('button', { name: /help/ }).click();
  await page.getByRole('checkbox', { name: 'Single keys act on pictures' }).uncheck();
  await page.keyboard.press('Escape');
  await page.locator('label-screen .tile:visible').first().focus();
  const before = await labels(page);
  await page.keyboard.press('1');
  await page.keyboard.press('Control+Shift+Z');
  assert.equal(await labels(page), before);
}

async function choosesColours(page) {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const button = page.getByRole('button', { name: /Colours/ });
  await button.click();
  const light = await ground();
  await button.click();
  assert.notEqual(await ground(), light);
  await button.click();
}
