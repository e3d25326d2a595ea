// <alike-screen>: what is most like a picture, one of yours or one dropped here.

import { fill, h, setText } from './dom.js';
import { makeDrop } from './drop.js';
import { failed } from './live.js';
import { screenArgument } from './router.js';
import { selection } from './selection.js';
import { read, send } from './server.js';
import { store } from './store.js';
import { stateOf, thumb } from './tile.js';
import { Watcher } from './watch.js';
import { fileName, inHundred } from './words.js';

const NEAREST = 24;

class AlikeScreen extends Watcher {
  #asked = 0;

  sources() { return [[store, 'columns']]; }

  build() {
    this.query = h('div', { class: 'query' });
    this.list = h('image-grid', { 'aria-label': 'Most like it, nearest first' });
    this.kind = h('div', { class: 'row', role: 'group', 'aria-label': 'Which look-alikes' });
    this.all = h('button', { type: 'button', class: 'small', onclick: () => selection.replace(this.list.indices) }, 'Choose all of these');
    this.empty = h('div', { class: 'empty' });
    fill(this,
      h('h1', { class: 'unseen' }, 'Look-alikes'),
      h('div', { class: 'alike-head' }, this.query, makeDrop('Find what is like a picture of yours', (file) => this.#dropped(file))),
      h('div', { class: 'toolbar' }, this.kind, this.all), this.list, this.empty);
    this.which = 'nearest';
    this.found = null;
    /** What stands where nothing is found. */
    this.told = [h('strong', {}, 'Like what?'), h('p', {}, 'Choose a picture anywhere and press n, or drop one here.')];
    const wanted = screenArgument();
    const image = wanted === '' ? selection.current : Number(wanted);
    if (image >= 0 && image < store.names.length) this.#ask(image);
    else this.#show();
  }

  get grid() { return this.list; }

  draw() {
    if (this.image === undefined || !this.words) return;
    const { aloud } = stateOf(this.image);
    setText(this.words, aloud);
  }

  focusFirst() { this.list.reveal(this.list.position, true); }

  #ask(image) {
    this.image = image;
    this.words = h('p', { class: 'muted' });
    fill(this.query,
      h('img', { src: thumb(image), alt: fileName(store.names[image]) }),
      h('div', {}, h('h2', { dir: 'auto' }, fileName(store.names[image])), this.words, h('p', { class: 'muted small' }, 'What is most like it, nearest first. Choose what belongs together and press its number.')));
    this.draw();
    this.#find(() => read(`/api/neighbours/${image}?count=${NEAREST}`));
  }

  #dropped(file) {
    this.image = undefined;
    const picture = h('img', { alt: file.name, src: URL.createObjectURL(file) });
    picture.addEventListener('load', () => URL.revokeObjectURL(picture.src), { once: true });
    fill(this.query, picture, h('div', {}, h('h2', { dir: 'auto' }, file.name), h('p', { class: 'muted small' }, 'Not kept. What is most like it here, nearest first.')));
    this.#find(() => send('/api/neighbours', file));
  }

  /** Nothing is shown meanwhile: what was found for another picture is not like this one. */
  async #find(ask) {
    const asked = (this.#asked += 1);
    this.#take(null, [h('p', {}, 'Looking…')]);
    let found = null;
    try {
      found = await ask();
    } catch (error) {
      if (this.isConnected) failed(error);
    }
    if (asked !== this.#asked) return;
    this.#take(found, found
      ? null
      : [h('strong', {}, 'They could not be found'), h('p', {}, 'What is like this picture is not known.')]);
    if (this.isConnected && document.activeElement === document.body) this.focusFirst();
  }

  #take(found, told) {
    this.found = found;
    this.told = told;
    this.which = 'nearest';
    this.#show();
  }

  #show() {
    const list = this.found?.[this.which] ?? [];
    const choice = (which, words) => h('button', { type: 'button', class: 'small', 'aria-pressed': String(this.which === which), onclick: () => {
      this.which = which;
      this.#show();
    } }, words);
    fill(this.kind, this.found && choice('nearest', 'Most like it'), this.found && choice('nearest_other', 'Most like it, of another class'),
      list.length > 0 && h('span', { class: 'muted small' }, `from ${inHundred(list[0].similarity)} to ${inHundred(list.at(-1).similarity)} in 100 alike`));
    this.list.indices = list.map(({ image }) => image);
    this.all.hidden = !list.length;
    this.list.hidden = !list.length;
    this.empty.hidden = list.length > 0;
    fill(this.empty, this.told ?? [h('strong', {}, 'None'), h('p', {}, this.which === 'nearest' ? 'There is no other picture here.' : 'There is no picture of another class yet.')]);
  }
}

customElements.define('alike-screen', AlikeScreen);
