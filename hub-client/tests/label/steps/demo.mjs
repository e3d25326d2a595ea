// The demo of who has no extractor: everything works, and nothing is saved.

import { expectAccessible, expectLabels, goTo, inBrowser } from '../browser.mjs';

export default (address) => inBrowser(address, async (page) => {
  await page.getByText('looked at by hub-label-demo@1.0.0').waitFor({ timeout: 60_000 });
  const field = page.getByRole('textbox', { name: 'Name of a class' });
  for (const name of ['passport', 'visa']) {
    await field.fill(name);
    await field.press('Enter');
    await page.getByRole('button', { name: `Change class ${name}` }).waitFor();
  }
  await goTo(page, 'label');
  await page.locator('.tile').first().click();
  for (let number = 1; number <= 4; number += 1) {
    await page.keyboard.press(String(1 + (number % 2)));
    await expectLabels(page, number);
  }
  await page.locator('.band-number .figures').waitFor();
  await goTo(page, 'finish');
  await page.getByText('so nothing is saved on it').waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: /Only what you taught it/ }).and(page.locator(':disabled')).waitFor();
  await expectAccessible(page, 'finish of the demo');
  await page.getByRole('link', { name: 'Compare' }).last().click();
  await page.getByRole('button', { name: 'Measure them' }).click();
  await page.getByText('No other extractor than hub-label-demo@1.0.0 is installed').waitFor({ timeout: 60_000 });
});
