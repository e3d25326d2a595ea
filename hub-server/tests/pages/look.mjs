// node look.mjs ADDRESS TOKEN [FOLDER]: the catalogue's pages in a browser that runs no script, looked at by axe-core in
// one that does; with a folder, pictures of them.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PATIENCE_MILLISECONDS, expectAccessible, launch } from '../../../hub-client/tests/label/browser.mjs';

const [, , address, token, folder] = process.argv;
const PATHS = {
  catalogue: '/',
  filtered: '/?q=documents&dimensions=2000',
  extractor: '/extractors/passport-extractor',
  yanked: '/extractors/passport-extractor?version=2.0.0',
  member: '/extractors/alpha/squares',
  log: '/log',
  entry: '/log?entry=0',
  members: '/members',
  nothing: '/extractors/nothing',
};
const LOOKS = [
  { name: 'wide', width: 1440, height: 900, colorScheme: 'light' },
  { name: 'dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'narrow', width: 320, height: 640, colorScheme: 'light' },
];

const browser = await launch();
try {
  for (const { name, width, height, colorScheme } of LOOKS) {
    for (const javaScriptEnabled of [false, true]) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme, javaScriptEnabled, ignoreHTTPSErrors: true });
      context.setDefaultTimeout(PATIENCE_MILLISECONDS);
      const complaints = [];
      context.on('request', (request) => {
        if (new URL(request.url()).origin !== new URL(address).origin) complaints.push(`asked for ${request.url()}`);
        if (request.resourceType() === 'script') complaints.push(`a script: ${request.url()}`);
      });
      context.on('console', (message) => {
        // Chromium writes down a page that is not there, or wants a login.
        if (message.type() === 'error' && !/status of 40[14]/.test(message.text())) complaints.push(message.text());
      });
      const page = await context.newPage();
      const look = async (what) => {
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert(wide <= width, `${what} ${name}: ${wide} pixels in a window of ${width}`);
        if (javaScriptEnabled) await expectAccessible(page, `${what} ${name}`);
        else if (folder) await page.screenshot({ path: join(folder, `${what}-${name}.png`), fullPage: true });
      };

      // Whoever is not logged in is asked for a token, and comes to where they wanted to go.
      await page.goto(`${address}/members`);
      assert.equal(await page.locator('h1').textContent(), 'Log in to read');
      await look('login');
      await page.getByLabel('Token').fill('hub_wrong');
      await page.getByRole('button', { name: 'Log in' }).click();
      assert.match(await page.getByRole('alert').textContent(), /not known to this hub/);
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('heading', { name: 'Members', level: 1 }).waitFor();

      for (const [what, path] of Object.entries(PATHS)) {
        await page.goto(address + path);
        const images = await page.locator('img').evaluateAll((all) => all.filter((one) => one.loading !== 'lazy' && one.naturalWidth === 0).length);
        assert.equal(images, 0, `${what}: pictures that do not load`);
        await look(what);
      }

      // By keyboard: the first stop leads past the navigation.
      await page.goto(address);
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
      await page.getByLabel('Words of name, summary or tags').fill('documents');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByRole('link', { name: 'passport-extractor', exact: true }).click();
      await page.getByRole('heading', { name: /^passport-extractor/, level: 1 }).waitFor();
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByRole('heading', { name: 'Log in to read' }).waitFor();
      await page.goto(address);
      assert.equal(await page.locator('h1').textContent(), 'Log in to read');
      assert.deepEqual(complaints, []);
      await context.close();
    }
  }
} finally {
  await browser.close();
}
console.error('the pages: as they should be');
