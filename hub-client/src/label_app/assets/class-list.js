// <class-list>: the classes with their keys and counts. Press, click, or drop pictures on one.

import { exclude, labelAs, skip } from './actions.js';
import { openClassDialog } from './class-dialog.js';
import { fill, h, redrawn } from './dom.js';
import { glyph, icon, key } from './glyphs.js';
import { say, tell } from './live.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { count, many } from './words.js';

const DOTS = 5;
const LABELS_A_DOT = 2;
const DRAG = 'application/x-hub-images';

class ClassList extends Watcher {
  sources() { return [[store, 'state']]; }

  build() {
    this.list = h('ol', { class: 'classes', 'aria-label': 'Classes' });
    this.others = h('ul', { class: 'classes others', 'aria-label': 'Neither' });
    this.field = h('input', { type: 'text', id: 'new-class', placeholder: 'Another class', autocomplete: 'off', 'aria-label': 'Name of another class' });
    fill(this,
      h('h2', {}, 'Classes'), this.list, addClassForm(this.field), this.others);
    this.shown = '';
  }

  draw() {
    const { classes, skipped, excluded } = store.state;
    const now = JSON.stringify([classes, skipped, excluded]);
    if (now === this.shown) return;
    this.shown = now;
    const gone = redrawn(this, 'class', () => {
      fill(this.list, classes.map((one, index) => this.#row(one, index)));
      fill(this.others,
        this.#other('0', 'Not sure', skipped, () => skip(), 'skip'),
        this.#other('x', 'Left out', excluded, () => exclude(), 'exclude'));
    });
    if (gone !== null) this.list.querySelector('.icon')?.focus();
  }

  #row({ name, labels }, index) {
    const apply = h('button', { class: 'class-apply', type: 'button', onclick: () => labelAs(name), title: `Label as ${name}` },
      glyph(index), h('span', { class: 'class-text' }, h('span', { class: 'class-name', dir: 'auto' }, name), dots(labels)),
      h('span', { class: 'class-count' }, count(labels), h('span', { class: 'unseen' }, ` ${labels === 1 ? 'label' : 'labels'}`)),
      index < 9 && key(String(index + 1)));
    const more = h('button', { class: 'icon quiet', type: 'button', 'aria-label': `Change class ${name}`, onclick: () => openClassDialog(name) }, icon('more'));
    return droppable(h('li', { 'data-class': name }, apply, more), (images) => labelAs(name, images));
  }

  #other(letter, words, number, act, name) {
    const button = h('button', { class: 'class-apply', type: 'button', onclick: act },
      h('span', { class: 'class-text' }, h('span', { class: 'class-name' }, words)), h('span', { class: 'class-count' }, count(number)), key(letter));
    return droppable(h('li', { 'data-class': `:${name}` }, button), name === 'skip' ? skip : exclude);
  }
}

/** A form that makes a class of what is typed. */
export function addClassForm(field, words = 'Add') {
  return h('form', { class: 'add-class', onsubmit: async (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (!name) return;
    if (store.classes.some((one) => one.name === name)) return tell(`There is a class ${name} already`);
    field.value = '';
    if (await store.change('/api/classes', { add: name })) say(`Class ${name} added; ${many(store.classes.length, 'class', 'classes')}`);
    field.focus();
  } }, field, h('button', { type: 'submit', 'aria-label': 'Add the class' }, words));
}

function droppable(row, dropped) {
  row.addEventListener('dragover', (event) => {
    if (!event.dataTransfer.types.includes(DRAG)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'link';
    row.classList.add('over');
  });
  row.addEventListener('dragleave', (event) => row.contains(event.relatedTarget) || row.classList.remove('over'));
  row.addEventListener('drop', (event) => {
    event.preventDefault();
    row.classList.remove('over');
    dropped(JSON.parse(event.dataTransfer.getData(DRAG)));
  });
  return row;
}

/** Ten labels a class are a good start: five dots, two labels each. */
function dots(labels) {
  const full = Math.min(DOTS, labels / LABELS_A_DOT);
  return h('span', { class: 'dots', 'aria-hidden': 'true' },
    Array.from({ length: DOTS }, (_, place) => h('i', { class: full >= place + 1 ? 'full' : full > place ? 'half' : '' })));
}

customElements.define('class-list', ClassList);
