// <map-screen>: the map and its twin, a list of the same pictures in the same groups.

import './map-view.js';
import { arrange, members } from './arrange.js';
import { fill, h, named } from './dom.js';
import { glyph, icon } from './glyphs.js';
import { screenArgument } from './router.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { many } from './words.js';

const COLOURS = { label: 'By label', answer: 'By answer', group: 'By group' };
const STEPS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** What the person chose is kept while the page is open. */
const chosen = { by: 'answer', isList: false, isLasso: false };

class MapScreen extends Watcher {
  #listed = '';
  #legend = '';

  sources() { return [[store, 'state'], [store, 'columns'], [selection, 'change']]; }

  build() {
    this.map = h('map-view');
    this.list = h('image-grid', { 'aria-label': 'The pictures of the map, group by group' });
    const button = (words, name, onclick) => h('button', { type: 'button', class: 'icon', 'aria-label': words, title: words, onclick }, icon(name));
    const zoom = (factor) => () => this.map.zoom(factor);
    this.colours = h('div', { class: 'segments', role: 'group', 'aria-label': 'Colours and shapes' }, Object.entries(COLOURS).map(([by, words]) =>
      h('button', { type: 'button', class: 'small', 'data-by': by, onclick: () => this.#choose({ by }) }, words)));
    this.hand = button('Move the map by dragging', 'hand', () => this.#choose({ isLasso: false }));
    this.lasso = button('Choose pictures with a lasso; with Shift it adds', 'lasso', () => this.#choose({ isLasso: true }));
    this.asList = h('button', { type: 'button', class: 'small', onclick: () => this.#choose({ isList: !chosen.isList }) });
    this.legend = h('ul', { class: 'legend', 'aria-label': 'What the shapes mean' });
    this.tools = h('div', { class: 'map-tools' }, this.hand, this.lasso, button('Nearer', 'plus', zoom(1.5)), button('Farther', 'minus', zoom(1 / 1.5)), button('Show all', 'fit', () => this.map.fit()));
    this.empty = h('div', { class: 'empty' }, h('strong', {}, 'No map yet'), h('p', {}, 'It is drawn once the pictures have been looked at; labelling works meanwhile.'));
    this.frame = h('div', { class: 'map-frame' }, this.map, this.tools, this.legend);
    fill(this, h('h1', { class: 'unseen' }, 'Map'), h('div', { class: 'toolbar' }, this.colours, this.asList, h('span', { class: 'muted small map-hint' }, 'Near points look alike. Gaps and sizes mean little.')), this.frame, this.list, this.empty);
    this.#choose({});
    const group = screenArgument();
    if (group !== '') {
      this.#choose({ by: 'group', isList: false });
      requestAnimationFrame(() => this.map.fit(members(store.columns, Number(group))));
    }
  }

  get grid() { return chosen.isList ? this.list : null; }

  draw() {
    const isEmpty = this.map.isEmpty;
    this.empty.hidden = !isEmpty;
    this.frame.hidden = isEmpty || chosen.isList;
    this.list.hidden = isEmpty || !chosen.isList;
    const version = `${store.columns.version}`;
    if (chosen.isList && (this.#listed === '' || !this.contains(document.activeElement)) && this.#listed !== version) {
      this.#listed = version;
      this.list.indices = arrange(store, { sort: 'group', filter: 'all' });
    }
    this.#drawLegend();
  }

  command({ id, move }) {
    if (chosen.isList) return false;
    if (id === 'move' && STEPS[move]) this.map.step(...STEPS[move]);
    else if (id === 'all') selection.replace(this.map.inSight());
    else return false;
    return true;
  }

  focusFirst() {
    if (chosen.isList) this.list.reveal(this.list.position, true);
    else this.map.focus({ preventScroll: true });
  }

  #choose(change) {
    Object.assign(chosen, change);
    this.map.by = chosen.by;
    this.map.isLasso = chosen.isLasso;
    for (const button of this.colours.children) button.setAttribute('aria-pressed', String(button.dataset.by === chosen.by));
    this.hand.setAttribute('aria-pressed', String(!chosen.isLasso));
    this.lasso.setAttribute('aria-pressed', String(chosen.isLasso));
    this.asList.textContent = chosen.isList ? 'As a map' : 'As a list';
    this.draw();
  }

  #drawLegend() {
    const { classes } = store;
    const now = JSON.stringify([chosen.by, classes.map(({ name }) => name)]);
    if (now === this.#legend) return;
    this.#legend = now;
    const isAnswer = chosen.by === 'answer';
    fill(this.legend,
      chosen.by === 'group'
        ? h('li', {}, many(store.state.groups.length, 'group'))
        : classes.map(({ name }, index) => h('li', {}, glyph(index), isAnswer && glyph(index, true), named(name))),
      isAnswer && h('li', { class: 'muted' }, 'filled: yours, hollow: the computer’s'));
  }
}

customElements.define('map-screen', MapScreen);
