// What goes wrong on the way: labels given faster than the computer learns, answers that do not come, a program that was started anew.

import assert from 'node:assert/strict';
import { currentPath, expectLabels, goTo, inBrowser, labels } from '../browser.mjs';

const HASTE = 12;

/** Begins with at least twenty labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await goTo(page, 'label');
  await labelsInHaste(page);
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
  for (const close of await page.getByRole('button', { name: 'Close' }).all()) await close.click();
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
