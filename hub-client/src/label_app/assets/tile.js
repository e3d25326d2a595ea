// One picture in a grid: the picture, and below it its label or what the computer answers.

import { batch } from './batch.js';
import { DOUBT } from './columns.js';
import { h, setText, svg } from './dom.js';
import { glyph, icon } from './glyphs.js';
import { store } from './store.js';
import { answerWords, fileName, inHundred, labelWords, REASONS, within } from './words.js';

export const thumb = (image) => `/thumb/${image}/${store.token}`;

/** A tile that can show any image: `update(image, …)` changes it, `image` is what it shows now. */
export function makeTile() {
  const picture = h('img', { decoding: 'async', draggable: 'false', alt: '' });
  const words = h('span', { class: 'words', dir: 'auto' });
  const sign = h('span', { class: 'sign' });
  const why = h('span', { class: 'why', 'aria-hidden': 'true' });
  const element = h('div', { class: 'tile', role: 'gridcell', tabindex: '-1', draggable: 'true' },
    h('span', { class: 'mat' }, picture, h('span', { class: 'tick', 'aria-hidden': 'true' }, icon('check')), why),
    h('span', { class: 'caption', 'aria-hidden': 'true' }, sign, words));
  picture.addEventListener('error', () => element.classList.add('no-picture'));
  picture.addEventListener('load', () => element.classList.remove('no-picture'));
  const tile = { element, image: -1 };
  let shown = '';
  tile.update = (image, { isCurrent, isChosen, isTabStop, canLoad = true }) => {
    if (image !== tile.image) {
      tile.image = image;
      element.dataset.image = image;
      picture.removeAttribute('src');
      element.classList.remove('no-picture');
      shown = '';
    }
    if (canLoad && !picture.hasAttribute('src') && !store.doubts(image, DOUBT.failed)) picture.src = thumb(image);
    element.setAttribute('aria-selected', isChosen);
    element.tabIndex = isTabStop ? 0 : -1;
    element.classList.toggle('current', isCurrent);
    const state = stateOf(image);
    const now = JSON.stringify(state);
    if (now === shown) return;
    shown = now;
    element.dataset.kind = state.kind;
    sign.replaceChildren(...signOf(state));
    setText(words, state.words);
    setText(why, state.why);
    why.hidden = !state.why;
    element.classList.toggle('suspect', state.isSuspect);
    const name = fileName(store.names[image]);
    picture.alt = `${name}, ${state.aloud}${state.why ? `, ${state.why}` : ''}`;
    element.title = `${store.names[image]} – ${state.aloud}`;
  };
  return tile;
}

/** What is said below a picture; `short` where there is less room. */
export function stateOf(image) {
  const label = store.labelOf(image);
  const answer = store.answerOf(image);
  const isSuspect = store.doubts(image, DOUBT.suspect);
  const why = label.kind === 'none' ? (REASONS[batch.reasonOf(image)] ?? '') : '';
  const state = { index: -1, why, isSuspect, short: '' };
  if (store.doubts(image, DOUBT.failed)) return { ...state, kind: 'failed', words: 'cannot be read', aloud: 'cannot be read' };
  if (label.kind !== 'none') {
    const words = { class: label.name, skip: 'not sure', exclude: 'left out' }[label.kind];
    const kind = label.saving ? 'saving' : label.kind === 'class' ? 'labelled' : label.kind;
    return { ...state, kind, index: label.index, words, aloud: `${labelWords(label)}${label.saving ? ', being saved' : ''}` };
  }
  if (store.doubts(image, DOUBT.waiting)) return { ...state, kind: 'waiting', words: 'not looked at yet', aloud: 'not looked at yet' };
  if (batch.isHidden(image)) return { ...state, kind: 'hidden', words: 'you say first', aloud: 'random check, you say first' };
  if (!answer) return { ...state, kind: 'open', words: '', aloud: 'no label yet' };
  const aloud = `computer’s answer: ${answerWords(answer)}`;
  if (answer.unlike) return { ...state, kind: 'unlike', words: 'unlike any labelled', aloud };
  if (answer.unsure) return { ...state, kind: 'unsure', index: answer.index, words: `${within(answer.name)}?`, aloud };
  return { ...state, kind: 'ghost', index: answer.index, words: `${within(answer.name)} ${inHundred(answer.probability)} %`, short: answer.name, aloud };
}

function signOf({ kind, index }) {
  if (kind === 'labelled') return [glyph(index), icon('check')];
  if (kind === 'saving') return index < 0 ? [dots()] : [glyph(index), dots()];
  if (kind === 'ghost' || kind === 'unsure') return [glyph(index, true)];
  return [];
}

const dots = () =>
  svg('svg', { class: 'icon-line saving-dots', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    [5, 12, 19].map((x) => svg('circle', { cx: x, cy: 12, r: 1.6, fill: 'currentColor' })));
