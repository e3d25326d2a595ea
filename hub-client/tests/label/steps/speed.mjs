// How quick the page is: for `make bench`, printed as one JSON object. Nothing is asserted.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expectLabels, goTo, inBrowser, until } from '../browser.mjs';

const LABELS = 24;
const TRIES = 5;
const PATIENCE_MILLISECONDS = 1_800_000;

/** `command` starts `hub label --json --no-open` on a folder. It is run once to look at the pictures, then measured. */
export default async function speed(...command) {
  await run(command, (page) => state(page, ({ images }) => images.embedded + images.failed_total === images.total));
  const figures = {};
  const began = { at: 0, opened: 0 };
  await run(command, async (page, child) => {
    await page.waitForFunction(sees);
    figures.usable_ms = Math.round(performance.now() - began.opened);
    figures.address_ms = Math.round(began.opened - began.at);
    await state(page, ({ done }) => done.images && done.suggestions);
    for (const name of ['one', 'two']) await page.evaluate(async (add) => (await import('/assets/store.js')).store.change('/api/classes', { add }), name);
    await page.locator('.tile').first().click();
    figures.label_ms = await labelling(page);
    figures.scrolling = await frames(page, scroll);
    await state(page, ({ done }) => done.map);
    figures.label_when_all_is_looked_at_ms = await labelling(page, LABELS);
    await goTo(page, 'map');
    await page.waitForFunction(() => document.querySelector('map-view')?.isEmpty === false);
    await page.waitForTimeout(1_000);
    figures.panning = await frames(page, pan);
    figures.peak_mib = Number(readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024;
  }, began);
  console.log(JSON.stringify(figures));
}

/** Starts the command when the browser is there, and ends it after the story. */
async function run(command, story, began = {}) {
  let child;
  try {
    await inBrowser(async () => {
      began.at = performance.now();
      child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
      const address = await addressOf(child);
      began.opened = performance.now();
      return `${address}#label`;
    }, (page) => story(page, child));
  } finally {
    child?.kill();
  }
}

const addressOf = (child) => new Promise((done, failed) => {
  let said = '';
  child.on('exit', (code) => failed(new Error(`it ended with ${code}`)));
  child.stdout.on('data', (text) => {
    said += text;
    if (said.endsWith('}\n')) done(JSON.parse(said).url);
  });
});

/** Whether the pictures in sight are drawn. */
function sees() {
  const pictures = [...document.querySelectorAll('label-screen .tile:not([hidden]) img')].filter((one) => one.getBoundingClientRect().top < innerHeight);
  return pictures.length >= 8 && pictures.every((one) => one.complete && one.naturalWidth > 0);
}

/** Waits until the state of the page is as wished. */
const state = (page, wished) => until('a state', async () => Boolean(wished(await page.evaluate(now))), PATIENCE_MILLISECONDS);
const now = async () => (await import('/assets/store.js')).store.state;

/** The median and the longest of the times from a key to the frame with the new accuracy and the re-scored grid. */
async function labelling(page, before = 0) {
  const times = [];
  for (let number = 1; number <= LABELS; number += 1) {
    await until('the next picture', () => page.evaluate(isOnTheNext));
    times.push(await page.evaluate(labelOnce, { key: String(1 + (number % 2)), wanted: before + number }));
    await expectLabels(page, before + number);
  }
  // The first four labels teach nothing yet.
  const taught = times.slice(4).map(Math.round).sort((a, b) => a - b);
  return { median: taught[taught.length >> 1], longest: taught.at(-1) };
}

/** After the last suggestion of a few the page waits for the next ones. */
async function isOnTheNext() {
  const { selection } = await import('/assets/selection.js');
  const { store } = await import('/assets/store.js');
  return selection.current >= 0 && store.labelOf(selection.current).kind === 'none';
}

async function labelOnce({ key, wanted }) {
  const { store } = await import('/assets/store.js');
  const began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  await new Promise((done) => {
    let learnt = Infinity;
    const check = () => {
      const { labels, done: known, version } = store.state;
      if (store.saving || labels !== wanted || !known.labels) return;
      learnt = Math.min(learnt, version);
      if (store.columns.version < learnt) return;
      store.removeEventListener('state', check);
      store.removeEventListener('columns', check);
      // Drawn in the next frame, seen in the one after it.
      requestAnimationFrame(() => requestAnimationFrame(done));
    };
    store.addEventListener('state', check);
    store.addEventListener('columns', check);
  });
  return performance.now() - began;
}

/** What the frames were like while the page did `work`, by the median of some tries. */
async function frames(page, work) {
  const tries = [];
  for (let number = 0; number < TRIES; number += 1) tries.push(await framesOnce(page, work));
  return tries.sort((a, b) => a.longest_ms - b.longest_ms)[TRIES >> 1];
}

async function framesOnce(page, work) {
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
  grid.scrollTop = 0;
  for (let step = 0; step < 240; step += 1) {
    grid.scrollTop += 60;
    await new Promise(requestAnimationFrame);
  }
}

async function pan() {
  const map = document.querySelector('map-view');
  for (let step = 0; step < 240; step += 1) {
    map.lens.pan(4 * Math.sin(step / 20), 2 * Math.cos(step / 20));
    if (step % 8 === 0) map.lens.zoomAt(300, 200, step < 120 ? 1.2 : 1 / 1.2);
    map.redraw();
    await new Promise(requestAnimationFrame);
  }
}
