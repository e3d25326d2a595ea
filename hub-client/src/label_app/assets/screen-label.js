// <label-screen>: the grid. First the suggestions, eight at a time, then everything else in the chosen order.

import { arrange, FILTERS, SORTS } from './arrange.js';
import { batch } from './batch.js';
import { fill, h, setText } from './dom.js';
import { screenArgument } from './router.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { count, many } from './words.js';

const SEARCH_MILLISECONDS = 120;

/** What the person chose is kept while the page is open. */
const chosen = { sort: 'next', filter: 'open', search: '' };

class LabelScreen extends Watcher {
  #timer = 0;
  #wasEmpty = true;
  #classes = '';

  sources() { return [[store, 'state'], [store, 'columns']]; }

  build() {
    this.grid = h('image-grid', { 'aria-label': 'Pictures to label' });
    this.sort = select('Sort', SORTS, chosen.sort, (value) => this.#choose({ sort: value }));
    this.filter = h('select', { 'aria-label': 'Show', onchange: () => this.#choose({ filter: this.filter.value }) });
    this.search = h('input', { type: 'search', placeholder: 'Find a file', 'aria-label': 'Find a file by its name', value: chosen.search, oninput: () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#choose({ search: this.search.value }), SEARCH_MILLISECONDS);
    } });
    this.search.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== 'Escape') return;
      if (event.key === 'Escape') this.search.value = '';
      this.#choose({ search: this.search.value });
      this.grid.move(0);
    });
    this.found = h('span', { class: 'muted found', role: 'status' });
    this.next = h('button', { type: 'button', class: 'small', title: 'Put the best suggestions of now on the table', onclick: () => this.#renew() }, 'New suggestions');
    this.empty = h('div', { class: 'empty', hidden: true });
    fill(this,
      h('h1', { class: 'unseen' }, 'Label'),
      h('div', { class: 'toolbar' }, this.filter, this.sort, this.search, this.found, this.next),
      this.grid, this.empty);
    if (!batch.images.length || batch.isDone) batch.renew();
    this.#arrange();
    this.#lookHere();
  }

  draw() {
    this.#drawFilters();
    const isWaiting = this.#wasEmpty && !this.grid.indices.length;
    const isFirst = chosen.sort === 'next' && batch.isShort && !store.saving;
    if (isWaiting || isFirst) this.#renew({ withFocus: false });
    this.#drawEmpty();
  }

  focusFirst() {
    if (screenArgument() === 'search') this.search.focus();
    else this.grid.reveal(this.grid.position, true);
  }

  /** After a label: on to the next picture without one; when the suggestions are done, new ones. */
  labelled({ images, isMany }) {
    const { current } = selection;
    const isOver = isBatchOver();
    if (isOver ? current >= 0 && !isOpen(current) : !isMany && images[0] === current) this.#goOn();
    if (isOver) this.#renewWhenSaved();
  }

  #goOn() {
    const { indices, position } = this.grid;
    for (let place = position + 1; place < indices.length; place += 1) {
      if (isOpen(indices[place])) return this.#goTo(place);
    }
    const place = indices.findIndex(isOpen);
    if (place >= 0) this.#goTo(place);
    else if (chosen.filter === 'open') selection.look(-1);
  }

  #goTo(place) {
    selection.look(this.grid.indices[place]);
    this.grid.reveal(place, this.grid.contains(document.activeElement) || document.activeElement === document.body);
  }

  /**
   * The next suggestions depend on the last label: they wait for it. Who goes on meanwhile is not disturbed: the picture that
   * is looked at stays the one that keys act on, and the suggestions come after it.
   */
  async #renewWhenSaved() {
    const { current } = selection;
    await store.settled();
    if (this.isConnected && selection.current === current && isBatchOver()) this.#renew({ kept: current });
  }

  #renew({ withFocus = true, kept = -1 } = {}) {
    batch.renew(kept);
    this.#arrange(kept);
    this.#wasEmpty = !this.grid.indices.length;
    this.#drawEmpty();
    if (!withFocus) return this.#lookHere();
    this.grid.scrollTop = 0;
    if (this.grid.indices.length) this.#goTo(0);
  }

  /** Looks at a picture of this grid that can be labelled, unless one is looked at already. */
  #lookHere() {
    const isHere = this.grid.indices.includes(selection.current);
    if (!isHere || (isToLabel() && !isOpen(selection.current))) selection.look(this.#first);
  }

  get #first() {
    const { indices } = this.grid;
    const open = isToLabel() ? indices.find(isOpen) : undefined;
    return open ?? (chosen.filter === 'open' ? -1 : indices[0] ?? -1);
  }

  #choose(change) {
    Object.assign(chosen, change);
    if (chosen.sort === 'next') batch.renew();
    this.#arrange();
    this.grid.scrollTop = 0;
    selection.look(this.#first);
    this.#drawEmpty();
  }

  /** Sets the pictures of the grid, the one that is kept before all others. */
  #arrange(kept = -1) {
    const withBatch = chosen.sort === 'next' && (chosen.filter === 'open' || chosen.filter === 'all');
    const first = kept >= 0 ? [kept, ...batch.images] : batch.images;
    this.grid.indices = arrange(store, { ...chosen, first: withBatch ? first : [] });
    this.next.hidden = !withBatch;
    setText(this.found, this.grid.indices.length === store.names.length ? '' : many(this.grid.indices.length, 'picture'));
  }

  #drawFilters() {
    const now = JSON.stringify(store.classes.map(({ name }) => name));
    if (now === this.#classes) return;
    this.#classes = now;
    const option = (value, words) => h('option', { value }, words);
    fill(this.filter,
      Object.entries(FILTERS).map(([value, words]) => option(value, words)),
      h('optgroup', { label: 'Labelled' }, store.classes.map(({ name }, index) => option(`label:${index}`, `Labelled ${name}`))),
      h('optgroup', { label: 'Answered' }, store.classes.map(({ name }, index) => option(`answer:${index}`, `Answer ${name}`))));
    this.filter.value = chosen.filter;
    if (this.filter.selectedIndex < 0) this.#choose({ filter: 'open' });
  }

  #drawEmpty() {
    const isEmpty = !this.grid.indices.length;
    this.empty.hidden = !isEmpty;
    this.grid.hidden = isEmpty;
    if (!isEmpty) return;
    const isAllDone = chosen.filter === 'open' && !chosen.search && store.columns.version > 0;
    fill(this.empty, isAllDone
      ? [h('strong', {}, 'Every picture has a label'), h('p', {}, `${count(store.state.labels)} labels. Look at the doubtful ones, check, and finish.`), h('a', { class: 'button', href: '#check' }, 'Check')]
      : [h('strong', {}, 'No picture here'), h('p', {}, 'Nothing passes this filter and search.'),
        h('button', { type: 'button', onclick: () => { this.search.value = ''; this.filter.value = 'open'; this.#choose({ filter: 'open', search: '' }); } }, 'Show pictures without a label')]);
  }
}

const isOpen = (image) => store.labelOf(image).kind === 'none';

/** Whether what is shown is worked through, rather than looked up. */
const isToLabel = () => chosen.filter === 'open' || (chosen.filter === 'all' && chosen.sort === 'next');

/** Whether suggestions are worked through, and all on the table have a label. */
const isBatchOver = () => chosen.sort === 'next' && chosen.filter === 'open' && batch.isDone && batch.images.length > 0;

function select(words, options, value, changed) {
  const element = h('select', { 'aria-label': words, onchange: () => changed(element.value) },
    Object.entries(options).map(([one, name]) => h('option', { value: one }, name)));
  element.value = value;
  return element;
}

customElements.define('label-screen', LabelScreen);
