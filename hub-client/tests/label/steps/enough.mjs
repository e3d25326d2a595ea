// Once more labels hardly help, the page says so.

import { expectLabels, goTo, inBrowser, until } from '../browser.mjs';

/** Pictures lie in folders that are called as their class, which anybody can tell apart; all of them get a label. */
export default (address) => inBrowser(address, async (page) => {
  await until('the pictures', () => page.evaluate(async () => (await import('/assets/store.js')).store.state?.done.images === true));
  await goTo(page, 'label');
  const all = await page.evaluate(async () => {
    const { store } = await import('/assets/store.js');
    const readable = [...store.names.keys()].filter((image) => /^(red|green)\//.test(store.names[image]));
    await store.change('/api/labels', { set: readable.map((image) => ({ image, class: store.names[image].split('/')[0] })) });
    return readable.length;
  });
  await expectLabels(page, all);
  await page.locator('.band-advice').getByText('More labels hardly help now').waitFor();
});
