// Nothing jumps: what is there stays where it is while pictures, figures and suggestions come, on a usual screen and on one
// of 3840 by 2160, which is used to its edges.

import assert from 'node:assert/strict';
import { currentPath, expectLabels, goTo, inBrowser, labels, until } from '../browser.mjs';

const USUAL = { width: 1280, height: 720 };
const LARGE = { width: 3840, height: 2160 };
const SCREENS = ['start', 'label', 'map', 'groups', 'odd', 'alike/0', 'suspects', 'compare', 'check', 'finish'];
const LABELS = 4;
/** The share of the screen that may move, times how far: a tenth of what is good for a whole visit (https://web.dev/cls). Words that change move a little. */
const UNSEEN = 0.01;

/** Begins with labels in the classes red and green. */
export default (address) => inBrowser(address, async (page) => {
  await page.addInitScript(watch);
  for (const size of [USUAL, LARGE]) {
    await goTo(page, 'label');
    await page.setViewportSize(size);
    await page.reload();
    await page.locator('body[data-screen="label"] .screen').waitFor();
    await stays(page, `opened, ${size.width} px`);
    await labelsSome(page);
    await stays(page, `labelled, ${size.width} px`);
    await isDone(page);
    await jumps(page);
    for (const screen of SCREENS) {
      await goTo(page, screen);
      await frames(page);
      const where = `${screen}, ${size.width} px`;
      // Another screen is another screen; the bar above it is the same.
      assert.deepEqual((await jumps(page)).flatMap(({ what }) => what).filter((one) => one.startsWith('bar: ')), [], where);
      await stays(page, where);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(overflow <= 0, `${where}: ${overflow} px too wide`);
    }
  }
  await usesALargeScreen(page);
  await isSharp(page);
  await wouldSeeAJump(page);
});

/** What has moved since this was asked last. */
const jumps = (page) => page.evaluate(() => window.jumps.splice(0));

/** Waits until the pictures are there; nothing that can be seen has moved. */
async function stays(page, where) {
  await drawn(page);
  assert.deepEqual((await jumps(page)).filter(({ value }) => value > UNSEEN), [], where);
}

/** Layout Instability, https://wicg.github.io/layout-instability. */
function watch() {
  window.jumps = [];
  const told = ({ value, hadRecentInput, sources }) => ({
    value,
    hadRecentInput,
    what: sources.map(({ node, previousRect: from, currentRect: to }) =>
      `${node?.parentElement?.closest('top-bar') ? 'bar: ' : ''}${node?.localName ?? node?.nodeName}.${node?.className ?? ''}: ${from.x},${from.y} ${from.width}×${from.height} to ${to.x},${to.y} ${to.width}×${to.height}`),
  });
  new PerformanceObserver((list) => window.jumps.push(...list.getEntries().map(told))).observe({ type: 'layout-shift', buffered: true });
}

/** Waits until nothing is on its way. */
const isDone = (page) => until('all that is computed', () => page.evaluate(async () => {
  const { done } = (await import('/assets/store.js')).store.state;
  return Object.values(done).every(Boolean) || JSON.stringify(done);
}));

/** By keys that are no keys of a person: what follows those within half a second counts as wanted. */
async function labelsSome(page) {
  await page.locator('.tile .why').first().waitFor();
  const before = await labels(page);
  for (let number = 1; number <= LABELS; number += 1) {
    const path = await currentPath(page);
    await press(page, path.startsWith('red/') ? '1' : '2');
    await expectLabels(page, before + number);
    await until('the next picture', async () => (await currentPath(page)) !== path);
    await drawn(page);
  }
  for (let number = 1; number <= LABELS; number += 1) await press(page, 'u');
  await expectLabels(page, before);
}

const press = (page, key) => page.evaluate((name) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true })), key);

/** Waits until the pictures in sight are there and drawn. */
async function drawn(page) {
  await page.waitForFunction(() => [...document.images].every((one) => one.complete || one.loading === 'lazy' || !one.checkVisibility()));
  await frames(page);
}

const frames = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));

async function usesALargeScreen(page) {
  const share = (name) => page.locator(name).evaluate((one) => one.getBoundingClientRect().width / innerWidth);
  await goTo(page, 'label');
  await drawn(page);
  assert((await share('label-screen image-grid')) > 0.6, 'the pictures have most of the width');
  await goTo(page, 'map');
  assert((await share('map-view')) > 0.6, 'and so has the map');
}

/** At two pixels for each, the map is drawn with all of them. */
async function isSharp(page) {
  const devices = await page.context().newCDPSession(page);
  await devices.send('Emulation.setDeviceMetricsOverride', { width: 1920, height: 1080, deviceScaleFactor: 2, mobile: false });
  await page.waitForFunction(() => {
    const { points, clientWidth, clientHeight } = document.querySelector('map-view');
    return devicePixelRatio === 2 && clientWidth > 1000 && points.width === 2 * clientWidth && points.height === 2 * clientHeight;
  });
  await devices.send('Emulation.clearDeviceMetricsOverride');
}

async function wouldSeeAJump(page) {
  await goTo(page, 'label');
  await drawn(page);
  await jumps(page);
  await page.evaluate(() => { document.getElementById('top').style.minHeight = '140px'; });
  await page.waitForFunction((unseen) => window.jumps.some(({ value }) => value > unseen), UNSEEN);
}
