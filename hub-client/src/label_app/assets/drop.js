// A place to drop a picture file on; a press opens the file chooser, which is its twin for keys.

import { h } from './dom.js';
import { icon } from './glyphs.js';

/** Calls `taken(file)` for a file that is dropped or chosen. */
export function makeDrop(words, taken, { accept = 'image/*', detail = 'Drop a file here, or press to choose one' } = {}) {
  const field = h('input', { type: 'file', accept, class: 'unseen', tabindex: '-1', 'aria-hidden': 'true', onchange: () => {
    if (field.files[0]) taken(field.files[0]);
    field.value = '';
  } });
  const zone = h('button', { type: 'button', class: 'drop', onclick: () => field.click() },
    icon('drop'), h('span', {}, h('span', { class: 'number' }, words), h('span', { class: 'muted small' }, detail)));
  const place = h('div', { class: 'drop-place' }, zone, field);
  place.addEventListener('dragover', (event) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    zone.classList.add('over');
  });
  place.addEventListener('dragleave', () => zone.classList.remove('over'));
  place.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    if (event.dataTransfer.files[0]) taken(event.dataTransfer.files[0]);
  });
  return place;
}
