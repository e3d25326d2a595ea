// What stands around every screen: bar, panels, status line.

import './accuracy-band.js';
import './class-list.js';
import './current-picture.js';
import './status-line.js';
import './top-bar.js';
import { fill, h } from './dom.js';

export function fillShell() {
  fill(document.getElementById('top'), h('top-bar'));
  fill(document.getElementById('left'), h('class-list'));
  fill(document.getElementById('right'), h('accuracy-band'), h('current-picture'));
  fill(document.getElementById('status'), h('status-line'));
}

/** The page without its program. */
export function showNothing(error) {
  const isForbidden = error.status === 403;
  fill(document.getElementById('screen'), h('div', { class: 'empty' },
    h('h1', {}, isForbidden ? 'This address is not open any more' : 'The program does not answer'),
    h('p', {}, 'Start ', h('code', {}, 'hub label'), ' again in the terminal and open the address it prints. Every label you saw as saved is on the disk.')));
}
