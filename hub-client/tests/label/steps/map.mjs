// The map by mouse: what is under the pointer, colours by label and by group, labels for what a lasso chose; and look-alikes.

import assert from 'node:assert/strict';
import { expectLabels, goTo, inBrowser, labels, until } from '../browser.mjs';

/** Pictures lie in folders that are called as their class. Begins with labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await until('the map', () => page.evaluate(async () => (await import('/assets/store.js')).store.state?.done.map === true));
  await goTo(page, 'map');
  await page.waitForFunction(() => document.querySelector('map-view')?.isEmpty === false);
  await showsWhatIsUnderThePointer(page);
  await hasColours(page);
  await labelsALasso(page);
  await labelsLookAlikes(page);
});

async function showsWhatIsUnderThePointer(page) {
  await page.getByRole('button', { name: 'Show all' }).click();
  const card = page.locator('.map-card');
  const points = await pointsOnScreen(page);
  const open = points.filter(({ isOpen }) => isOpen);
  assert(open.length > 5, 'most points can be pointed at');
  for (const { x, y } of [open[0], open.at(-1)]) {
    await page.mouse.move(x, y);
    await card.waitFor();
    const nearest = points.reduce((best, one) => (distance(one, { x, y }) < distance(best, { x, y }) ? one : best));
    await card.locator('.file').getByText(nearest.path.split('/').at(-1), { exact: true }).waitFor();
    await page.waitForFunction((image) => {
      const picture = document.querySelector('.map-card img');
      return picture.complete && picture.naturalWidth > 0 && picture.getAttribute('src').startsWith(`/thumb/${image}/`);
    }, nearest.image);
  }
  await page.mouse.move(0, 0);
  await card.waitFor({ state: 'hidden' });
}

const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

/** Where each picture is on the screen, and whether the map itself is there, not a button above it. */
function pointsOnScreen(page) {
  return page.evaluate(async () => {
    const { store } = await import('/assets/store.js');
    const map = document.querySelector('map-view');
    const box = map.getBoundingClientRect();
    return [...store.columns.x.keys()].filter((image) => !Number.isNaN(store.columns.x[image])).map((image) => {
      const [x, y] = map.lens.toScreen(store.columns.x[image], store.columns.y[image]);
      const isOpen = map.contains(document.elementFromPoint(box.left + x, box.top + y));
      return { image, path: store.names[image], x: box.left + x, y: box.top + y, kind: store.labelOf(image).kind, isOpen };
    });
  });
}

async function hasColours(page) {
  const examples = await page.evaluate(async () => {
    const { store } = await import('/assets/store.js');
    const { label, group } = store.columns;
    const of = (wanted) => label.findIndex((one, image) => one === wanted && !Number.isNaN(store.columns.x[image]));
    const none = [...label.keys()].find((image) => store.labelOf(image).kind === 'none' && !Number.isNaN(store.columns.x[image]));
    return [of(0), of(1), none].map((image) => ({ image, label: store.labelOf(image).kind === 'none' ? null : label[image], group: group[image] }));
  });
  assert.deepEqual(examples.map(({ label }) => label), [0, 1, null]);
  const groups = new Set();
  for (const [by, words] of [['label', 'By label'], ['group', 'By group']]) {
    await page.getByRole('button', { name: words }).click();
    for (const example of examples) {
      const index = by === 'label' ? example.label : example.group % 10;
      const { found, wanted } = await page.evaluate(colourOf, { image: example.image, name: index === null ? '--line-strong' : `--class-${index}` });
      assert.deepEqual(found, wanted, `${words}: picture ${example.image}`);
      if (by === 'group') groups.add(example.group);
    }
  }
  assert(groups.size > 1, 'red and green are groups of their own');
  await page.locator('.legend').getByText(/\d+ groups/).waitFor();
  await page.getByRole('button', { name: 'By label' }).click();
  await page.locator('.legend').getByText('green').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
}

/** The colour in the middle of a point, so near that it stands alone, and a colour of the style sheets. */
async function colourOf({ image, name }) {
  const [{ store }, { colour }] = await Promise.all([import('/assets/store.js'), import('/assets/theme.js')]);
  const map = document.querySelector('map-view');
  map.fit([image]);
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  const [x, y] = map.lens.toScreen(store.columns.x[image], store.columns.y[image]);
  const found = map.points.getContext('2d').getImageData(Math.round(x * map.density), Math.round(y * map.density), 1, 1).data;
  return { found: [...found].slice(0, 3), wanted: colour(name).match(/\d+/g).slice(0, 3).map(Number) };
}

async function labelsALasso(page) {
  const before = await labels(page);
  await page.getByRole('button', { name: /with a lasso/ }).click();
  const points = await pointsOnScreen(page);
  const corners = around(points.filter(({ path }) => path.startsWith('red/')), points);
  const inside = points.filter(({ x, y }) => x > corners[0].x && x < corners[2].x && y > corners[0].y && y < corners[2].y);
  const fresh = inside.filter(({ kind }) => kind !== 'class').length;
  assert(fresh > 0 && inside.length >= 20, `${fresh} of ${inside.length} have no label yet`);

  await page.mouse.move(corners[0].x, corners[0].y);
  await page.mouse.down();
  for (const { x, y } of [...corners.slice(1), corners[0]]) await page.mouse.move(x, y, { steps: 12 });
  await page.mouse.up();
  const chosen = await page.evaluate(async () => (await import('/assets/selection.js')).selection.images().sort((a, b) => a - b));
  assert.deepEqual(chosen, inside.map(({ image }) => image));

  await page.keyboard.press('1');
  await expectLabels(page, before + fresh);
  assert.deepEqual(await labelsOf(page, chosen), ['red']);
  await page.keyboard.press('u');
  await expectLabels(page, before);
  await page.keyboard.press('Escape');
}

/** The corners of a frame around some points, from the upper left on, at whose edge there is no point. */
function around(some, all) {
  const [xs, ys] = [some.map(({ x }) => x), some.map(({ y }) => y)];
  for (let margin = 8; margin < 40; margin += 1) {
    const [left, top, right, bottom] = [Math.min(...xs) - margin, Math.min(...ys) - margin, Math.max(...xs) + margin, Math.max(...ys) + margin];
    const isNear = ({ x, y }) => Math.max(left - x, x - right, top - y, y - bottom) < 3 && Math.min(x - left, right - x, y - top, bottom - y) < 3;
    if (!all.some(isNear)) return [{ x: left, y: top }, { x: right, y: top }, { x: right, y: bottom }, { x: left, y: bottom }];
  }
  return assert.fail('points everywhere');
}

/** The names of the classes that these pictures have. */
const labelsOf = (page, images) => page.evaluate(async (wanted) => {
  const { store } = await import('/assets/store.js');
  return [...new Set(wanted.map((image) => store.classes[store.labelOf(image).index]?.name))];
}, images);

async function labelsLookAlikes(page) {
  const before = await labels(page);
  await goTo(page, 'alike/0');
  await page.locator('alike-screen .tile:visible').first().waitFor();
  await page.getByRole('button', { name: 'Choose all of these' }).click();
  const [chosen, fresh] = await page.evaluate(async () => {
    const [{ selection }, { store }] = await Promise.all([import('/assets/selection.js'), import('/assets/store.js')]);
    const images = selection.images();
    return [images, images.filter((image) => store.labelOf(image).kind !== 'class')];
  });
  assert(fresh.length > 1 && chosen.length > fresh.length, `${fresh.length} of ${chosen.length} have no label yet`);
  await page.keyboard.press('2');
  await expectLabels(page, before + fresh.length);
  assert.deepEqual(await labelsOf(page, chosen), ['green']);
  await page.keyboard.press('u');
  await expectLabels(page, before);

  // Some of them, one by one.
  await page.keyboard.press('Escape');
  const tile = (image) => page.locator(`alike-screen .tile[data-image="${image}"]:visible`);
  for (const image of fresh.slice(0, 2)) await tile(image).click({ modifiers: ['Control'] });
  await page.keyboard.press('2');
  await expectLabels(page, before + 2);
  assert.deepEqual(await labelsOf(page, fresh.slice(0, 2)), ['green']);
  await page.keyboard.press('u');
  await expectLabels(page, before);
}
