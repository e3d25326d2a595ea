// <current-picture>: why this picture, what the computer answers, and its nearest look-alikes.

import { accept } from './actions.js';
import { batch } from './batch.js';
import { DOUBT } from './columns.js';
import { fill, h, named, setText } from './dom.js';
import { key } from './glyphs.js';
import { keyName, keysOf } from './keys.js';
import { read } from './server.js';
import { makeStrip } from './strip.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { answerWords, fileName, labelWords } from './words.js';

const REST_MILLISECONDS = 160;
const NEAREST = 6;
const wide = matchMedia('(min-width: 981px)');

class CurrentPicture extends Watcher {
  #timer = 0;
  #asked = -1;

  sources() { return [[selection, 'change'], [store, 'columns'], [store, 'state'], [batch, 'change']]; }

  build() {
    this.line = h('span', { class: 'line muted' });
    this.facts = h('div', { class: 'facts' });
    this.nearest = makeStrip('Its nearest look-alikes');
    this.more = h('a', { href: '#alike' }, 'More look-alikes');
    this.lost = h('p', { class: 'muted', hidden: true }, 'They could not be found.');
    this.alike = h('div', { class: 'alike' }, h('h3', {}, 'Most like it'), this.nearest.element, this.lost, this.more);
    // Where there is little room, one line of it stays and the rest opens on a press.
    this.whole = h('details', {}, h('summary', {}, h('h2', {}, 'This picture'), this.line), this.facts, this.alike);
    this.whole.open = wide.matches;
    wide.addEventListener('change', () => { this.whole.open = wide.matches; });
    fill(this, this.whole);
  }

  draw() {
    const image = selection.current;
    this.nearest.refresh();
    if (image < 0 || image >= store.names.length) {
      fill(this.facts, h('p', { class: 'muted' }, 'Choose a picture to see why it is here and what is like it.'));
      this.alike.hidden = true;
      setText(this.line, 'none chosen');
      return;
    }
    const label = store.labelOf(image);
    const answer = store.answerOf(image);
    const why = batch.of(image);
    const isHidden = batch.isHidden(image);
    setText(this.line, [label.kind !== 'none' ? labelWords(label) : isHidden ? 'random check, you say first' : answerWords(answer), why?.words].filter(Boolean).join(' · '));
    const held = this.facts.contains(document.activeElement);
    fill(this.facts,
      h('p', { class: 'file', dir: 'auto', title: store.names[image] }, fileName(store.names[image])),
      label.kind !== 'none' && h('p', {}, 'You: ', h('strong', {}, labelWords(label))),
      isHidden
        ? h('p', {}, 'The computer’s answer is hidden until you have said yours: that keeps this check honest.')
        : h('p', {}, 'Computer: ', h('strong', {}, answerWords(answer))),
      why && h('p', { class: 'reason' }, h('span', { class: 'muted' }, 'Why this one: '), why.words),
      !isHidden && answer && label.kind === 'none' &&
        h('button', { class: 'small', type: 'button', onclick: () => accept([image]) }, h('span', {}, 'Yes, ', named(answer.name)), key(keyName(keysOf('accept')[0]))));
    if (held) (this.facts.querySelector('button') ?? this.whole.querySelector('summary')).focus();
    this.more.href = `#alike/${image}`;
    // The answers to its look-alikes would give the hidden one away.
    this.alike.hidden = isHidden || store.doubts(image, DOUBT.waiting) || store.doubts(image, DOUBT.failed) || store.names.length < 2;
    if (image !== this.#asked && !this.alike.hidden) this.#ask(image);
  }

  /** Asks for look-alikes once the person rests on a picture. */
  #ask(image) {
    clearTimeout(this.#timer);
    // What is like another picture is not shown meanwhile.
    this.#asked = -1;
    this.nearest.show([]);
    this.lost.hidden = true;
    this.#timer = setTimeout(async () => {
      if (selection.current !== image) return;
      this.#asked = image;
      const found = await read(`/api/neighbours/${image}?count=${NEAREST}`).catch(() => null);
      if (this.#asked !== image) return;
      this.lost.hidden = found !== null;
      if (found) this.nearest.show(found.nearest.slice(0, NEAREST).map((one) => one.image));
      else this.#asked = -1;
    }, REST_MILLISECONDS);
  }
}

customElements.define('current-picture', CurrentPicture);
