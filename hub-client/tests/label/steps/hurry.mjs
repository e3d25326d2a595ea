// What goes wrong on the way: labels given faster than the computer learns, answers that do not come, a program that was started anew.

import assert from 'node:assert/strict';
import { currentPath, expectLabels, goTo, inBrowser, labels, until } from '../browser.mjs';

/** More than there are suggestions on the table. */
const HASTE = 12;
const SLOW_MILLISECONDS = 300;

/** Begins with at least twenty labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await goTo(page, 'label');
  await labelsInHaste(page);
  await labelsSuggestionsInHaste(page);
  await comesBackHalfway(page);
  await undoesInItsTurn(page);
  await holdsAKey(page);
  await losesAnAnswer(page);
  await opensThisPictureInLittleRoom(page);
  await isOfAnEarlierStart(page);
});

/** No key waits for what the one before it taught. */
async function labelsInHaste(page) {
  const before = await labels(page);
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('name');
  await page.locator('label-screen .tile:visible').first().click();
  const first = await currentPath(page);
  for (let number = 0; number < HASTE; number += 1) await page.keyboard.press('1');
  await expectLabels(page, before + HASTE);
  for (let number = 0; number < HASTE; number += 1) await page.keyboard.press('u');
  await expectLabels(page, before);
  await page.locator(`label-screen .tile[title^="${first} "]`).waitFor();
}

/** Nor at the end of the suggestions: every key goes to another picture. */
async function labelsSuggestionsInHaste(page) {
  const before = await labels(page);
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('next');
  await page.locator('label-screen .tile.current:visible').click();
  for (let number = 0; number < HASTE; number += 1) await page.keyboard.press('1');
  await expectLabels(page, before + HASTE);
  for (let number = 0; number < HASTE; number += 1) await page.keyboard.press('u');
  await expectLabels(page, before);
}

/** In the middle of the suggestions to another screen and back: the next key goes to a picture without a label. */
async function comesBackHalfway(page) {
  const before = await labels(page);
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('next');
  await page.locator('label-screen .tile.current:visible').click();
  for (let number = 0; number < 3; number += 1) await page.keyboard.press('1');
  await expectLabels(page, before + 3);
  await goTo(page, 'map');
  await page.evaluate(async () => (await import('/assets/selection.js')).selection.look(-1));
  await goTo(page, 'label');
  const kind = await page.locator('label-screen .tile.current:visible').getAttribute('data-kind');
  assert(!['labelled', 'saving'].includes(kind), kind);
  for (let number = 0; number < 3; number += 1) await page.keyboard.press('u');
  await expectLabels(page, before);
}

/** Label, undo, label: what goes is the first label, though it is still on its way. */
async function undoesInItsTurn(page) {
  const before = await labels(page);
  await page.getByRole('combobox', { name: 'Sort' }).selectOption('name');
  await page.locator('label-screen .tile.current:visible').click();
  const first = await currentPath(page);
  const slowly = async (route) => {
    await new Promise((done) => { setTimeout(done, SLOW_MILLISECONDS); });
    await route.continue();
  };
  await page.route('**/api/labels', slowly, { times: 1 });
  for (const key of ['1', 'u', '2']) await page.keyboard.press(key);
  await expectLabels(page, before + 1);
  await until(`no label of ${first}`, () => page.evaluate(async (path) => {
    const { store } = await import('/assets/store.js');
    const { kind } = store.labelOf(store.names.indexOf(path));
    return kind === 'none' || kind;
  }, first));
  await page.keyboard.press('u');
  await expectLabels(page, before);
}

/** A key that is held down labels one picture. */
async function holdsAKey(page) {
  const before = await labels(page);
  await page.locator('label-screen .tile.current:visible').click();
  for (let number = 0; number < 5; number += 1) await page.keyboard.down('1');
  await page.keyboard.up('1');
  await expectLabels(page, before + 1);
  await page.keyboard.press('u');
  await expectLabels(page, before);
}

/** The columns do not come: the label is on the disk nevertheless, and is shown as saved. */
async function losesAnAnswer(page) {
  const before = await labels(page);
  await page.route('**/api/columns', (route) => route.fulfill({ status: 400, body: '{}' }));
  await page.locator('label-screen .tile:visible').first().click();
  const path = await currentPath(page);
  await page.keyboard.press('1');
  await expectLabels(page, before + 1);
  await page.locator('.toast.error').first().waitFor();
  await page.locator(`label-screen .tile[title^="${path} – labelled red"][data-kind="labelled"]`).waitFor();
  await page.unroute('**/api/columns');
  await page.keyboard.press('u');
  await expectLabels(page, before);
  const close = page.getByRole('button', { name: 'Close' });
  while (await close.count()) await close.first().click();
}

/** On narrow screens one line tells of the current picture; a press opens the rest. */
async function opensThisPictureInLittleRoom(page) {
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 700, height: 900 });
  await page.locator('label-screen .tile:visible').first().click();
  const panel = page.locator('current-picture');
  await panel.locator('.line').getByText(/in 100 sure|not sure|unlike|random check/).waitFor();
  assert.equal(await panel.locator('.file').isVisible(), false);
  await panel.locator('summary').click();
  await panel.locator('.file').waitFor();
  await panel.locator('summary').click();
  await page.setViewportSize(wide);
  await panel.locator('.file').waitFor();
}

/** The page loads itself again, says why, and has changed nothing. */
async function isOfAnEarlierStart(page) {
  const before = await labels(page);
  const refuse = (route) => route.fulfill({ status: 409, headers: { 'X-Hub-Session': 'another' }, body: '{}' });
  await page.route('**/api/labels', refuse, { times: 1 });
  await page.locator('label-screen .tile:visible').first().click();
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('1')]);
  await page.getByText('The program was started anew').waitFor();
  await expectLabels(page, before);
}
