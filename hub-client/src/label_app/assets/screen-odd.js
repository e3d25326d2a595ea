// <odd-screen>: two ways of being odd, and pictures that are there twice.

import { fill, h, setText } from './dom.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { makeStrip } from './strip.js';
import { Watcher } from './watch.js';
import { count, many } from './words.js';

const RANKINGS = {
  unlike: ['Unlike anything else here', 'Even the nearest pictures are far away: often a wrong file, a blank page, a photograph of something else.'],
  far: ['Far from the middle', 'Unusual in the way it differs from the average, though there may be more of its kind: often a rare sort.'],
  copies: ['There twice', 'The same picture, or nearly. Copies in different classes would mislead the computer.'],
};

let shownRanking = 'unlike';

class OddScreen extends Watcher {
  #shown = '';

  sources() { return [[store, 'state']]; }

  build() {
    this.tabs = Object.entries(RANKINGS).map(([name, [words]]) => h('button', { type: 'button', role: 'tab', id: `odd-${name}`, 'data-name': name, 'aria-controls': 'odd-panel', onclick: () => this.#choose(name) }, words));
    this.tabs.forEach((tab) => tab.addEventListener('keydown', (event) => this.#tabKey(event)));
    this.sentence = h('p', { class: 'muted' });
    this.list = h('image-grid', { 'aria-label': 'Odd pictures, oddest first' });
    this.copies = h('div', { class: 'copies' });
    this.empty = h('div', { class: 'empty' });
    this.panel = h('div', { class: 'odd-panel', role: 'tabpanel', id: 'odd-panel' }, this.sentence, this.list, this.copies, this.empty);
    fill(this, h('h1', { class: 'unseen' }, 'The odd ones'), h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Ways of being odd' }, this.tabs), this.panel);
  }

  get grid() { return shownRanking === 'copies' ? null : this.list; }

  draw() {
    const { outliers, copies } = store.state;
    for (const tab of this.tabs) {
      const isShown = tab.dataset.name === shownRanking;
      tab.setAttribute('aria-selected', isShown);
      tab.tabIndex = isShown ? 0 : -1;
    }
    this.panel.setAttribute('aria-labelledby', `odd-${shownRanking}`);
    setText(this.sentence, RANKINGS[shownRanking][1]);
    const images = shownRanking === 'copies' ? copies : outliers[shownRanking];
    this.list.hidden = shownRanking === 'copies' || !images.length;
    this.copies.hidden = shownRanking !== 'copies' || !images.length;
    this.empty.hidden = images.length > 0;
    const isDone = store.state.done[shownRanking === 'copies' ? 'copies' : 'outliers'];
    const none = shownRanking === 'copies' ? 'No picture is here twice.' : 'There are too few pictures to tell.';
    fill(this.empty, h('strong', {}, isDone ? 'None' : 'None yet'), h('p', {}, isDone ? none : 'They appear once the pictures have been looked at.'));
    const now = shownRanking + JSON.stringify(images);
    if (now === this.#shown) return;
    this.#shown = now;
    if (shownRanking === 'copies') fill(this.copies, images.map(copyRow));
    else this.list.indices = images;
  }

  focusFirst() { this.tabs.find((tab) => tab.tabIndex === 0)?.focus(); }

  #choose(name) {
    shownRanking = name;
    this.draw();
  }

  #tabKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const names = Object.keys(RANKINGS);
    this.#choose(names[(names.indexOf(shownRanking) + by + names.length) % names.length]);
    this.focusFirst();
  }
}

/** A label goes to all pictures with the same bytes anyway; `size` may be more than are shown. */
function copyRow({ size, images }) {
  const strip = makeStrip(`${many(size, 'copy', 'copies')}`);
  strip.show(images);
  return h('div', { class: 'card copy-row' }, strip.element,
    size > images.length && h('p', { class: 'muted small' }, `${many(size, 'copy', 'copies')}, of which ${count(images.length)} are shown`),
    h('button', { type: 'button', class: 'small', onclick: () => {
      selection.look(images[0]);
      selection.replace(images);
    } }, size > images.length ? 'Choose these' : 'Choose all of them'));
}

customElements.define('odd-screen', OddScreen);
