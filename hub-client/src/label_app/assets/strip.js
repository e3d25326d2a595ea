// A few small pictures in a row, each a button that looks at its picture.

import { batch } from './batch.js';
import { fill, h } from './dom.js';
import { glyph } from './glyphs.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { stateOf, thumb } from './tile.js';
import { fileName } from './words.js';

/** `show(images)` fills it, `refresh()` after labels changed; `pressed` is called with the image (default: enlarge it). */
export function makeStrip(words, pressed = enlarge) {
  const element = h('ul', { class: 'strip', 'aria-label': words });
  let images = [];
  let drawn = [];
  let shown = '';
  const refresh = () => {
    const states = images.map((image) => stateOf(image));
    const now = JSON.stringify([images, states]);
    if (now === shown) return;
    shown = now;
    const held = [...element.children].findIndex((item) => item.contains(document.activeElement));
    const image = held < 0 ? -1 : drawn[held];
    drawn = images;
    fill(element, images.map((image, place) => h('li', {}, small(image, states[place], pressed))));
    // The focus stays with its picture, or else in its place.
    const place = images.includes(image) ? images.indexOf(image) : Math.min(held, images.length - 1);
    if (held >= 0) element.children[place]?.firstChild.focus();
  };
  const show = (some) => {
    images = some;
    refresh();
  };
  return { element, show, refresh };
}

/** One small picture with its label. */
export function small(image, state = stateOf(image), pressed = enlarge) {
  const isGhost = state.kind === 'ghost' || state.kind === 'unsure';
  const name = fileName(store.names[image]);
  const picture = h('img', { src: thumb(image), alt: `${name}, ${state.aloud}`, decoding: 'async', loading: 'lazy' });
  picture.addEventListener('error', () => picture.classList.add('gone'));
  return h('button', { class: 'small-picture', type: 'button', 'data-kind': state.kind, title: `${store.names[image]} – ${state.aloud}`, onclick: (event) => pressed(image, event) },
    picture,
    h('span', { class: 'small-caption', 'aria-hidden': 'true' }, state.index >= 0 && glyph(state.index, isGhost), h('span', { class: 'small-words', dir: 'auto' }, state.kind === 'open' || batch.isHidden(image) ? '' : state.short || state.words)));
}

function enlarge(image, event) {
  selection.clear();
  selection.look(image);
  event.target.dispatchEvent(new CustomEvent('open', { detail: image, bubbles: true }));
}
