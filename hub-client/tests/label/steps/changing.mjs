// The page draws itself anew while somebody works: names, focus and what is hidden stay as they are; and keys and files that miss.

import assert from 'node:assert/strict';
import { atRest, expectLabels, goTo, inBrowser, labels, until } from '../browser.mjs';

/** Begins with at least twenty labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await goTo(page, 'label');
  await until('the map', () => page.evaluate(async () => (await import('/assets/store.js')).store.state.done.map));
  await countsClassesAnew(page);
  await hidesRandomChecks(page);
  await keepsTheFocusOnAClass(page);
  await keepsTheFocusOnAGroup(page);
  await keepsTheFocusOnADoubt(page);
  await skipsToTheScreen(page);
  await dropsAFileBeside(page);
  await findsNoLookAlikes(page);
  await pressesOtherKeys(page);
});

/** Waits until what has changed is drawn. */
const drawn = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));

/** The classes have other numbers, and what counts them by these has not come: each picture is still called as before. */
async function countsClassesAnew(page) {
  const known = () => page.evaluate(async () => {
    const { store } = await import('/assets/store.js');
    return store.names.map((_, image) => [store.labelOf(image).name, store.answerOf(image)?.name ?? '']);
  });
  const order = (names) => page.evaluate(async (wanted) => {
    await (await import('/assets/store.js')).store.change('/api/classes', { order: wanted });
  }, names);
  const names = await page.evaluate(async () => (await import('/assets/store.js')).store.classes.map(({ name }) => name));
  await atRest(page);
  const before = await known();
  assert(before.some(([label]) => label === 'red') && before.some(([, answer]) => answer === 'green'));
  const held = [];
  let goesOn = false;
  await page.route('**/api/columns', (route) => (goesOn ? route.continue() : void held.push(route)));
  await order([...names].reverse());
  await drawn(page);
  assert.equal(await page.locator('.classes [data-class]').first().getAttribute('data-class'), names.at(-1));
  assert.deepEqual(await known(), before);
  goesOn = true;
  for (const route of held) await route.continue();
  await page.unroute('**/api/columns');
  await order(names);
  await atRest(page);
  assert.deepEqual((await known()).map(([label]) => label), before.map(([label]) => label));
}

/** Who must say first what a random check shows does not find it on the map, nor by its answer. */
async function hidesRandomChecks(page) {
  const [isOnMap, isListed] = await page.evaluate(async () => {
    const [{ arrange }, { batch }, { KINDS, pointKinds }, { store }] = await Promise.all(
      ['arrange', 'batch', 'map-kinds', 'store'].map((name) => import(`/assets/${name}.js`)));
    const check = store.state.suggestions.find(({ image }) => store.answerOf(image) && !store.answerOf(image).unlike);
    check.reason = 'random';
    store.state.suggestions = [check, ...store.state.suggestions.filter((one) => one !== check)];
    batch.renew();
    const filter = `answer:${store.answerOf(check.image).index}`;
    return [pointKinds('answer')[check.image] !== KINDS.none, arrange(store, { filter }).includes(check.image)];
  });
  assert.deepEqual([isOnMap, isListed], [false, false]);
}

async function keepsTheFocusOnAClass(page) {
  const before = await labels(page);
  const button = page.locator('class-list').getByRole('button', { name: 'Change class green' });
  await button.focus();
  await page.evaluate(async () => {
    const { store } = await import('/assets/store.js');
    await store.label([store.names.findIndex((_, image) => store.labelOf(image).kind === 'none' && store.answerOf(image))], { class: 'red' });
  });
  await expectLabels(page, before + 1);
  await drawn(page);
  await expectFocus(button);
  await page.keyboard.press('u');
  await expectLabels(page, before);
  await atRest(page);
}

async function keepsTheFocusOnAGroup(page) {
  await goTo(page, 'groups');
  const link = page.locator('.group').nth(1).getByRole('link', { name: 'On the map' });
  await link.focus();
  await page.evaluate(async () => {
    const { store } = await import('/assets/store.js');
    store.state.groups[1].size += 1;
    store.dispatchEvent(new Event('state'));
  });
  await drawn(page);
  await expectFocus(link);
}

/** Doubts come and go: the next key never goes to another picture. */
async function keepsTheFocusOnADoubt(page) {
  const doubt = async (images) => {
    await page.evaluate(async (doubtful) => {
      const { store } = await import('/assets/store.js');
      store.state.suspects = doubtful.map((image) => ({ image, label: 0, answer: 1, probability: 0.9 }));
      store.dispatchEvent(new Event('state'));
    }, images);
    await drawn(page);
  };
  const current = () => page.evaluate(async () => (await import('/assets/selection.js')).selection.current);
  await goTo(page, 'suspects');
  await doubt([3, 5]);
  const keep = page.locator('.suspect-row[data-image="5"]').getByRole('button', { name: /^Keep/ });
  await keep.focus();
  assert.equal(await current(), 5);
  await doubt([7, 3, 5]);
  await expectFocus(keep);
  assert.equal(await current(), 5);
  await doubt([7, 3]);
  await expectFocus(page.locator('ol.suspects'));
  assert.equal(await current(), -1);
  await doubt([]);
}

async function skipsToTheScreen(page) {
  await goTo(page, 'check');
  await page.locator('.skip-link').focus();
  await page.keyboard.press('Enter');
  await expectFocus(page.locator('#screen'));
  await page.locator('body[data-screen="check"] check-screen').waitFor();
}

/** The browser would show the file instead of the page. */
async function dropsAFileBeside(page) {
  const isKept = await page.evaluate(() => ['dragover', 'drop'].every((name) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    return !document.body.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true }));
  }));
  assert(isKept);
}

/** What was found for another picture is not shown for one that could not be looked at. */
async function findsNoLookAlikes(page) {
  await goTo(page, 'alike/3');
  const tiles = page.locator('alike-screen .tile:visible');
  await tiles.first().waitFor();
  await page.locator('alike-screen input[type="file"]').setInputFiles({ name: 'none.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await page.locator('alike-screen').getByText('They could not be found').waitFor();
  assert.equal(await tiles.count(), 0);
  await page.locator('.toast.error').getByRole('button', { name: 'Close' }).click();

  await goTo(page, 'label');
  await page.getByRole('combobox', { name: 'Show' }).selectOption('labelled');
  const panel = page.locator('current-picture .alike');
  await page.route('**/api/neighbours/**', (route) => route.fulfill({ status: 400, body: '{}' }));
  await page.locator('label-screen .tile:visible').nth(1).click();
  await panel.getByText('They could not be found.').waitFor();
  assert.equal(await panel.locator('.small-picture').count(), 0);
  await page.unroute('**/api/neighbours/**');
  await page.locator('label-screen .tile:visible').nth(2).click();
  await panel.locator('.small-picture').first().waitFor();
  assert.equal(await panel.getByText('They could not be found.').isVisible(), false);
}

/** Capitals that are locked, and a key that is found with Shift. */
async function pressesOtherKeys(page) {
  await page.evaluate(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'M', bubbles: true })));
  await page.locator('body[data-screen="map"] map-screen').waitFor();
  await page.getByRole('button', { name: /help/ }).click();
  await page.getByRole('button', { name: 'Change the key for: Undo (also Ctrl Z)' }).click();
  await page.keyboard.press('Shift');
  await page.keyboard.press('j');
  await page.getByRole('dialog').locator('kbd', { hasText: 'j' }).waitFor();
  await page.getByRole('button', { name: 'Keys as they were' }).click();
  await page.keyboard.press('Escape');
}

const expectFocus = async (locator) => assert(await locator.evaluate((one) => one === document.activeElement), `${locator} has not the focus`);
