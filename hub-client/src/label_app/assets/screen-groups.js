// <groups-screen>: the main groups, each by its most typical pictures; a whole group can get one label.

import { labelAs } from './actions.js';
import { members } from './arrange.js';
import { EXCLUDED } from './columns.js';
import { closeButton, openDialog } from './dialog.js';
import { eachFrame, fill, h, named, redrawn, setText } from './dom.js';
import { glyph, key } from './glyphs.js';
import { store } from './store.js';
import { makeStrip, small } from './strip.js';
import { Watcher } from './watch.js';
import { count, many, within } from './words.js';

const MOST_GROUPS = 48;

class GroupsScreen extends Watcher {
  #current = 0;
  #shown = '';

  sources() { return [[store, 'state']]; }

  build() {
    this.count = h('output', { for: 'group-count' });
    this.slider = h('input', { type: 'range', id: 'group-count', min: 2, max: MOST_GROUPS, step: 1,
      oninput: () => setText(this.count, this.slider.value),
      onchange: () => store.change('/api/groups', { count: Number(this.slider.value) }) });
    this.list = h('ol', { class: 'groups', 'aria-label': 'The main groups' });
    this.list.addEventListener('focusin', (event) => {
      const place = [...this.list.children].indexOf(event.target.closest('li'));
      if (place >= 0) this.#current = place;
    });
    this.refresh = eachFrame(() => this.strips?.forEach((strip) => strip.refresh()));
    store.addEventListener('columns', this.refresh);
    fill(this,
      h('div', { class: 'screen-head' },
        h('div', {}, h('h1', {}, 'The main groups'), h('p', { class: 'muted' }, 'Pictures that look alike to the computer. A group need not be one of your classes.')),
        h('div', { class: 'slider' }, h('label', { for: 'group-count' }, 'How many groups: ', this.count), this.slider)),
      this.list);
  }

  left() { store.removeEventListener('columns', this.refresh); }

  draw() {
    const { groups } = store.state;
    if (document.activeElement !== this.slider) {
      this.slider.max = Math.max(2, Math.min(MOST_GROUPS, store.names.length));
      this.slider.value = groups.length || 2;
      setText(this.count, String(groups.length));
    }
    const now = JSON.stringify([groups, store.classes]);
    if (now === this.#shown) return;
    this.#shown = now;
    if (!groups.length) return void fill(this.list, h('li', { class: 'empty' }, h('strong', {}, 'No groups yet'), h('p', {}, 'They appear once the pictures have been looked at.')));
    const gone = redrawn(this.list, 'group', () => {
      this.strips = [];
      fill(this.list, groups.map((group) => this.#card(group)));
    });
    if (gone !== null) this.focusFirst();
  }

  /** A digit labels the group that has the focus. */
  command({ id, index }) {
    if (id !== 'class' || !this.list.contains(document.activeElement) || !store.classes[index]) return false;
    openGroup(store.state.groups[this.#current], store.classes[index].name);
    return true;
  }

  focusFirst() { this.list.querySelector('button')?.focus(); }

  #card(group) {
    const strip = makeStrip(`Typical pictures of ${within(title(group))}`);
    strip.show(group.medoids);
    this.strips.push(strip);
    const place = store.classes.findIndex(({ name }) => name === group.name);
    return h('li', { class: 'card group', 'data-group': group.id },
      h('h2', {}, place >= 0 && glyph(place), named(title(group))),
      h('p', { class: 'muted small' }, `${many(group.size, 'picture')}, ${labelsIn(group)}`),
      strip.element,
      h('div', { class: 'row' },
        h('button', { type: 'button', class: 'small primary', onclick: () => openGroup(group) }, 'Label this group'),
        h('a', { class: 'button small-link', href: `#map/${group.id}` }, 'On the map')));
  }
}

/** How far its labels agree. */
function labelsIn({ name, labels, named: those }) {
  if (!labels) return 'no label in it yet';
  if (those < labels) return `${count(those)} of its ${count(labels)} labels are ${within(name)}`;
  return labels === 1 ? `its one label is ${within(name)}` : `all of its ${count(labels)} labels are ${within(name)}`;
}

const title = (group) => group.name ?? `Group ${group.id + 1}`;

/** Shows the least typical first: if those belong, all do. Each can be left out by a press. */
function openGroup(group, wanted = group.name) {
  const all = members(store.columns, group.id).filter((image) => store.columns.label[image] >= EXCLUDED && store.labelOf(image).kind === 'none');
  if (!all.length) return void openDialog(title(group), h('p', {}, 'Every picture of this group has a label.'), closeButton());
  const leftOut = new Set();
  const odd = group.odd.filter((image) => all.includes(image));
  const toggles = odd.map((image) => {
    const button = small(image, undefined, () => {
      if (!leftOut.delete(image)) leftOut.add(image);
      button.setAttribute('aria-pressed', !leftOut.has(image));
      draw();
    });
    button.setAttribute('aria-pressed', 'true');
    return h('li', {}, button);
  });
  const choices = h('div', { class: 'row' });
  const words = h('p');
  const draw = () => {
    const images = all.filter((image) => !leftOut.has(image));
    setText(words, `${many(images.length, 'picture')} without a label would get it.`);
    fill(choices, store.classes.map(({ name }, index) => h('button', { type: 'button', class: name === wanted ? 'primary' : '', onclick: () => {
      dialog.close();
      labelAs(name, images);
    } }, name === wanted ? '' : glyph(index), named(name), index < 9 && key(String(index + 1)))));
  };
  const dialog = openDialog(`Label ${within(title(group))}`,
    odd.length > 0 && h('p', {}, 'These are the least typical. Do they belong? Press one to leave it out.'),
    odd.length > 0 && h('ul', { class: 'strip large' }, toggles),
    words, choices,
    !store.classes.length && h('p', {}, 'Name a class first.'), closeButton());
  dialog.classList.add('wide');
  dialog.addEventListener('keydown', (event) => {
    if (event.repeat) return;
    const place = Number(event.key) - 1;
    if (place >= 0 && place < Math.min(9, store.classes.length)) choices.children[place].click();
  });
  draw();
  choices.querySelector('.primary, button')?.focus();
}

customElements.define('groups-screen', GroupsScreen);
