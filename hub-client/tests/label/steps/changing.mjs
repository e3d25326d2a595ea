// The page draws itself anew while somebody works: names, focus and what is hidden stay as they are; and keys and files that miss.

import assert from 'node:assert/strict';
import { atRest, expectLabels, goTo, inBrowser, labels, until } from '../browser.mjs';

/** Begins with at least twenty labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await goTo(page, 'label');
  await until('the map', () => page.evaluate(async () => (await import('/assets/store.js')).store.state.done.map));
  await takesTheFirstSuggestions(page);
  await countsClassesAnew(page);
  await hidesRandomChecks(page);
  await keepsTheFocusOnAClass(page);
  await keepsTheFocusOnAGroup(page);
  await keepsTheFocusOnADoubt(page);
  await skipsToTheScreen(page);
  await dropsAFileBeside(page);
  await findsNoLookAlikes(page);
  await hasASignForEachClass(page);
  await takesNamesOfAllKinds(page);
  await pressesOtherKeys(page);
});

/** Waits until what has changed is drawn. */
const drawn = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));

/** Before there are suggestions some picture is looked at; when they come, whoever has done nothing yet begins with the first. */
async function takesTheFirstSuggestions(page) {
  await atRest(page);
  const suggestions = await page.evaluate(async () => {
    const [{ batch }, { selection }, { store }] = await Promise.all(['batch', 'selection', 'store'].map((name) => import(`/assets/${name}.js`)));
    const { suggestions } = store.state;
    store.state.suggestions = [];
    batch.renew();
    selection.look(-1);
    // Not what would be looked at anyway.
    return suggestions.toReversed();
  });
  const begins = () => page.evaluate(async () => {
    const [{ batch }, { selection }] = await Promise.all(['batch', 'selection'].map((name) => import(`/assets/${name}.js`)));
    return [selection.current, batch.images[0]];
  });
  await goTo(page, 'map');
  await goTo(page, 'label');
  const [first, none] = await begins();
  assert(first >= 0 && none === undefined);
  await page.evaluate(async (found) => {
    const { store } = await import('/assets/store.js');
    store.state.suggestions = found;
    store.dispatchEvent(new Event('state'));
  }, suggestions);
  await drawn(page);
  const [second, suggested] = await begins();
  assert.equal(second, suggested);
  assert.notEqual(first, second);
}

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

/** Many classes: no two of them look the same, neither in lists nor on the map. */
async function hasASignForEachClass(page) {
  const [signs, kinds] = await page.evaluate(async () => {
    const [{ colourName, shapePath, SIGNS }, { KINDS, signOf }] = await Promise.all(['glyphs', 'map-kinds'].map((name) => import(`/assets/${name}.js`)));
    const indices = Array.from({ length: SIGNS }, (_, index) => index);
    const drawn = (kind) => JSON.stringify(signOf(kind));
    return [
      new Set(indices.map((index) => shapePath(index) + colourName(index))).size,
      new Set([KINDS.none, KINDS.chosen, ...indices.flatMap((index) => [KINDS.label + index, KINDS.answer + index, KINDS.chosen + 1 + index])].map(drawn)).size,
    ];
  });
  assert.deepEqual([signs, kinds], [100, 302]);
}

/** Names that are long, or read from the right: nothing is wider than its place, and the words around a name stay in order. */
async function takesNamesOfAllKinds(page) {
  const names = ['x'.repeat(120), '\u05D3\u05E8\u05DB\u05D5\u05DF', '<b>bold</b>'];
  const change = (what) => page.evaluate(async (body) => (await import('/assets/store.js')).store.change('/api/classes', body), what);
  for (const add of names) await change({ add });
  const wide = page.viewportSize();
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 720 });
    for (const screen of ['start', 'label', 'map', 'groups', 'check']) {
      await goTo(page, screen);
      await drawn(page);
      const beyond = await page.evaluate(() => [...document.querySelectorAll('html, .screen, #right, dialog')].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className || one.id || one.tagName));
      assert.deepEqual(beyond, [], `${screen}, ${width} px: too wide`);
    }
  }
  await page.setViewportSize(wide);
  assert.equal(await page.locator('b').count(), 0);
  const told = await page.evaluate(async () => (await import('/assets/words.js')).labelWords({ kind: 'class', name: '\u05D3' }));
  assert.equal(told, 'labelled \u2068\u05D3\u2069');
  await goTo(page, 'label');
  for (let step = 0; step < names.length; step += 1) await page.evaluate(async () => (await import('/assets/store.js')).store.step('undo'));
}

/** Capitals that are locked, keyboards of other languages, and a key that is found with Shift. */
async function pressesOtherKeys(page) {
  const asked = await page.evaluate(async () => {
    const { commandOf } = await import('/assets/keys.js');
    const asked = (key, code, more = {}) => {
      const { id, index, typed } = commandOf(new KeyboardEvent('keydown', { key, code, ...more })) ?? {};
      return [id, index ?? typed].join(' ');
    };
    return [
      asked('&', 'Digit1'), asked('\u00E9', 'Digit2'), asked('1', 'Digit1', { shiftKey: true }), asked('\u0661', 'Digit1'),
      asked('\u0433', 'KeyU'), asked('\u044F', 'KeyZ', { ctrlKey: true }), asked('\u0416', 'Semicolon', { shiftKey: true }), asked('q', 'KeyA'),
    ];
  });
  assert.deepEqual(asked, ['class 0', 'class 1', 'class 0', 'class 0', 'undo ', 'undo ', 'name \u0436', 'name q']);
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
