// Chromium, without a window, without a word to its maker; and what every step needs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const tools = process.env.HUB_LABEL_PAGE;
assert(tools, 'HUB_LABEL_PAGE must name the folder with playwright-core and axe-core; `make test` sets it');
const require = createRequire(`${tools}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Longer than anything takes, also on a slow machine that does other things meanwhile. */
export const PATIENCE_MILLISECONDS = 180_000;
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** A new browser. */
export const launch = () => chromium.launch({
  executablePath: process.env.HUB_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, timeout: PATIENCE_MILLISECONDS,
});

/**
 * Runs `story(page)` in a new browser. Fails when the page reports an error or asks for anything from elsewhere.
 * `place` is an address, or a function that gives one once the browser is there.
 */
export async function inBrowser(place, story, options = {}) {
  const browser = await launch();
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, acceptDownloads: true, ...options });
    const page = await context.newPage();
    const address = typeof place === 'function' ? await place() : place;
    const complaints = [];
    const { origin } = new URL(address);
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.origin !== origin) complaints.push(`asked for ${url}`);
    });
    context.on('weberror', (error) => complaints.push(String(error.error().stack)));
    context.on('console', (message) => {
      // Chromium writes down each 404, a picture that cannot be read, and each 400 and 409, which stories ask for on purpose.
      if (message.type() === 'error' && !/status of 40[049]/.test(message.text())) complaints.push(message.text());
    });
    page.setDefaultTimeout(PATIENCE_MILLISECONDS);
    await page.goto(address);
    await page.locator('top-bar').waitFor();
    assert.equal(new URL(page.url()).search, '', 'the secret does not stay in the address');
    await story(page, context);
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
}

/** Goes to a screen and waits until it is there. */
export async function goTo(page, screen) {
  await page.evaluate((hash) => { location.hash = hash; }, screen);
  await page.locator(`body[data-screen="${screen.split('/')[0]}"] .screen`).waitFor();
}

/** Fails with every violation that axe-core finds. */
export async function expectAccessible(page, where) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  const told = violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join('\n  ')}`);
  assert.deepEqual(told, []);
}

/** The labels so far, as the page counts them. */
export const labels = (page) => page.evaluate(async () => (await import('/assets/store.js')).store.state.labels);

/** Waits until the page counts so many labels, all on the disk and learnt from. */
export const expectLabels = (page, wanted) => until(`${wanted} labels`, () => page.evaluate(async (number) => {
  const { store } = await import('/assets/store.js');
  const isDone = store.saving === 0 && store.state?.done.labels;
  return (store.state?.labels === number && isDone) || `${store.state?.labels} labels, ${store.saving} on their way`;
}, wanted));

/** Waits until nothing more follows from the labels: all is saved, learnt, suggested, and known to the page. */
export const atRest = (page) => until('rest', () => page.evaluate(async () => {
  const { store } = await import('/assets/store.js');
  const { version, done } = store.state;
  const isDone = store.saving === 0 && done.labels && done.suggestions && store.columns.version >= version;
  return isDone || `version ${version} with ${JSON.stringify(done)}, columns ${store.columns.version}, ${store.saving} on their way`;
}));

/** Asks until the answer is true. (A promise would be true enough for Playwright's own `waitForFunction`.) */
export async function until(what, ask, patience = PATIENCE_MILLISECONDS) {
  let answer;
  for (const began = Date.now(); Date.now() - began < patience; await new Promise((done) => { setTimeout(done, 25); })) {
    answer = await ask();
    if (answer === true) return;
  }
  assert.fail(`waited in vain for ${what}: ${answer}`);
}

/** Waits for the picture that a key would label; gives its path. Asked of the page's own modules: tiles are drawn a moment later. */
export async function currentPath(page) {
  let path;
  await until('a current picture', async () => {
    path = await page.evaluate(async () => {
      const [{ selection }, { store }] = await Promise.all([import('/assets/selection.js'), import('/assets/store.js')]);
      return store.names[selection.current];
    });
    return path !== undefined;
  });
  return path;
}
