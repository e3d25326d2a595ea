// <label-screen>: the grid. First the suggestions, eight at a time, then everything else in the chosen order.

import { arrange, FILTERS, SORTS } from './arrange.js';
import { batch } from './batch.js';
import { fill, h, setText } from './dom.js';
import { screenArgument } from './router.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { many, sentence, within } from './words.js';

const SEARCH_MILLISECONDS = 120;

/** Whoever has labelled so many knows how. */
const LABELS_TO_LEARN = 3;

/** What the person chose is kept while the page is open. */
const chosen = { sort: 'next', filter: 'open', search: '' };

/** The picture that this screen looked at by itself; a better one may take its place. */
let own = -1;

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
    this.coach = h('p', { class: 'coach' });
    fill(this,
      h('h1', { class: 'unseen' }, 'Label'),
      h('div', { class: 'toolbar' }, this.filter, this.sort, this.search, this.found, this.next),
      this.coach, this.grid, this.empty);
    this.coach.hidden = store.state.labels >= LABELS_TO_LEARN;
    if (!batch.images.length || batch.isDone) batch.renew();
    this.#arrange();
    this.#lookHere();
  }

  draw() {
    this.#drawFilters();
    const isWaiting = this.#wasEmpty && !this.grid.indices.length;
    const isFirst = chosen.sort === 'next' && batch.isShort && !store.saving;
    if (isWaiting || isFirst) this.#renewByItself();
    this.#drawEmpty();
    this.#drawCoach();
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

  /** What was undone is on the table again, though as no suggestion. */
  undone([image]) {
    if (image !== undefined && !this.grid.indices.includes(image)) this.#arrange(image);
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
    this.coach.hidden = store.state.labels >= LABELS_TO_LEARN;
    this.#arrange(kept);
    this.#wasEmpty = !this.grid.indices.length;
    this.#drawEmpty();
    if (!withFocus) return this.#lookHere();
    this.grid.scrollTop = 0;
    if (this.grid.indices.length) this.#goTo(0);
  }

  /** Whoever has not chosen a picture yet begins with the first suggestion. */
  #renewByItself() {
    const isOwn = selection.current === own;
    this.#renew({ withFocus: isOwn });
    if (isOwn) own = selection.current;
  }

  /** Looks at a picture of this grid that can be labelled, unless somebody looks at one already. */
  #lookHere() {
    const isHere = selection.current !== own && this.grid.indices.includes(selection.current);
    if (isHere && !(isToLabel() && !isOpen(selection.current))) return;
    selection.look(this.#first);
    own = selection.current;
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
      h('optgroup', { label: 'Labelled' }, store.classes.map(({ name }, index) => option(`label:${index}`, `Labelled ${within(name)}`))),
      h('optgroup', { label: 'Answered' }, store.classes.map(({ name }, index) => option(`answer:${index}`, `Answer ${within(name)}`))));
    this.filter.value = chosen.filter;
    if (this.filter.selectedIndex < 0) this.#choose({ filter: 'open' });
  }

  /** What to do. It goes when other pictures come, so that nothing moves under the hand. */
  #drawCoach() {
    setText(this.coach, store.classes.length
      ? 'What does the framed picture show? Press its class, or the number of its class.'
      : 'Name what you want to tell apart: type a name where it says “Another class”.');
  }

  #drawEmpty() {
    const isEmpty = !this.grid.indices.length;
    this.empty.hidden = !isEmpty;
    this.grid.hidden = isEmpty;
    if (!isEmpty) return;
    const isAllDone = chosen.filter === 'open' && !chosen.search && store.columns.version > 0;
    fill(this.empty, isAllDone
      ? [h('strong', {}, 'Every picture has a label'), h('p', {}, `${many(store.state.labels, 'label')}. ${sentence(store.state.needs) || 'Look at the doubtful ones, check, and finish.'}`), h('a', { class: 'button', href: '#check' }, 'Check')]
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
