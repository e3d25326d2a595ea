// How quick the page is: for `make bench`, printed as one JSON object. Nothing is asserted.

import { expectLabels, goTo, inBrowser } from '../browser.mjs';

const LABELS = 24;

export default async function speed(address) {
  await inBrowser(address, async (page) => {
    const began = performance.now();
    await page.reload();
    await goTo(page, 'label');
    await page.locator('.tile img[src]').first().waitFor();
    const figures = { usable_ms: Math.round(performance.now() - began) };
    for (const name of ['one', 'two']) await page.evaluate(async (add) => (await import('/assets/store.js')).store.change('/api/classes', { add }), name);
    await page.locator('.tile').first().click();
    const times = [];
    for (let number = 1; number <= LABELS; number += 1) {
      times.push(await page.evaluate(labelOnce, String(1 + (number % 2))));
      await expectLabels(page, number);
    }
    // The first four labels teach nothing yet.
    const taught = times.slice(4).map(Math.round).sort((a, b) => a - b);
    Object.assign(figures, { label_ms: taught[taught.length >> 1], longest_label_ms: taught.at(-1) });
    figures.scrolling = await frames(page, scroll);
    await goTo(page, 'map');
    await page.waitForFunction(() => document.querySelector('map-view')?.isEmpty === false, undefined, { timeout: 600_000 });
    await page.waitForTimeout(1_000);
    figures.panning = await frames(page, pan);
    console.log(JSON.stringify(figures));
  });
}

/** Milliseconds from the key to the frame after the new columns were drawn. */
async function labelOnce(key) {
  const { store } = await import('/assets/store.js');
  const before = store.columns.version;
  const began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  await new Promise((done) => {
    const check = () => {
      if (store.columns.version <= before || store.saving) return;
      store.removeEventListener('columns', check);
      store.removeEventListener('saving', check);
      requestAnimationFrame(() => requestAnimationFrame(done));
    };
    store.addEventListener('columns', check);
    store.addEventListener('saving', check);
  });
  return performance.now() - began;
}

/** What the frames were like while the page did `work`. */
async function frames(page, work) {
  await page.evaluate(() => {
    const watch = { times: [], last: performance.now(), isOn: true };
    const tick = (now) => {
      watch.times.push(now - watch.last);
      watch.last = now;
      if (watch.isOn) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    window.frameWatch = watch;
  });
  await page.evaluate(work);
  return page.evaluate(() => {
    const { times } = window.frameWatch;
    window.frameWatch.isOn = false;
    return { frames: times.length, over_50_ms: times.filter((time) => time > 50).length, longest_ms: Math.round(Math.max(...times)) };
  });
}

async function scroll() {
  const grid = document.querySelector('image-grid');
  for (let step = 0; step < 240; step += 1) {
    grid.scrollTop += 60;
    await new Promise(requestAnimationFrame);
  }
}

async function pan() {
  const map = document.querySelector('map-view');
  for (let step = 0; step < 240; step += 1) {
    map.lens.pan(4 * Math.sin(step / 20), 2);
    if (step % 8 === 0) map.lens.zoomAt(300, 200, step < 120 ? 1.2 : 1 / 1.2);
    map.redraw();
    await new Promise(requestAnimationFrame);
  }
}
