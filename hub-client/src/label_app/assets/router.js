// Screens by the hash of the address: `#map`, `#alike/41`.

import './screen-start.js';
import './screen-label.js';
import './screen-map.js';
import './screen-groups.js';
import './screen-odd.js';
import './screen-alike.js';
import './screen-suspects.js';
import './screen-compare.js';
import './screen-check.js';
import './screen-finish.js';
import { h } from './dom.js';

/** Screens in the order of the navigation: name, element, whether classes and accuracy stand beside it. */
export const SCREENS = {
  start: { name: 'Start', tag: 'start-screen' },
  label: { name: 'Label', tag: 'label-screen', hasPanels: true },
  map: { name: 'Map', tag: 'map-screen', hasPanels: true },
  groups: { name: 'Groups', tag: 'groups-screen', hasPanels: true },
  odd: { name: 'Odd ones', tag: 'odd-screen', hasPanels: true },
  alike: { name: 'Look-alikes', tag: 'alike-screen', hasPanels: true },
  suspects: { name: 'Doubtful', tag: 'suspects-screen', hasPanels: true },
  compare: { name: 'Compare', tag: 'compare-screen' },
  check: { name: 'Check', tag: 'check-screen' },
  finish: { name: 'Finish', tag: 'finish-screen' },
};

/** Fires `change` after another screen is shown. */
export const router = new EventTarget();

export const screenName = () => {
  const name = location.hash.slice(1).split('/')[0];
  return name in SCREENS ? name : 'label';
};
export const screenArgument = () => location.hash.split('/')[1] ?? '';
export const screenOf = () => document.getElementById('screen').firstElementChild;

/** Shows the screen the address names. */
export function show() {
  const name = screenName();
  const main = document.getElementById('screen');
  document.body.dataset.screen = name;
  document.body.dataset.panels = SCREENS[name].hasPanels ? 'yes' : 'no';
  document.title = `${SCREENS[name].name} – label pictures`;
  const held = main.contains(document.activeElement) || document.activeElement === document.body;
  main.replaceChildren(h(SCREENS[name].tag, { class: 'screen' }));
  router.dispatchEvent(new Event('change'));
  if (held) main.firstElementChild.focusFirst?.();
}
