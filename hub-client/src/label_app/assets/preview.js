// One picture, large. Keys go on working: classes label it, arrows move on; the buttons below do the same.

import { exclude, labelWith, skip } from './actions.js';
import { fill, h, named, setText } from './dom.js';
import { glyph, icon, key } from './glyphs.js';
import { keyName, keysOf } from './keys.js';
import { screenOf } from './router.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { stateOf, thumb } from './tile.js';

class Preview {
  #dialog = null;
  #parts = {};
  #stop = null;

  get isOpen() { return this.#dialog !== null; }
  toggle(image) { this.isOpen ? this.close() : this.open(image); }
  close() { this.#dialog?.close(); }

  open(image) {
    if (image === undefined || image < 0 || this.isOpen) return;
    selection.look(image);
    const name = h('h2', { id: 'preview-name', dir: 'auto' });
    const words = h('p', { class: 'muted' });
    const frame = h('div', { class: 'preview-picture' });
    const choices = h('div', { class: 'preview-choices', role: 'group', 'aria-label': 'Label it as' });
    const step = (by, words, mark) => h('button', { class: 'icon', type: 'button', 'aria-label': words, onclick: () => screenOf()?.grid?.move(by) }, icon(mark));
    this.#parts = { name, words, frame, choices, image: -1, classes: '' };
    const dialog = h('dialog', { id: 'preview', 'aria-labelledby': 'preview-name', tabindex: '-1' },
      h('header', {}, h('div', {}, name, words), step(-1, 'Picture before', 'before'), step(1, 'Next picture', 'next'),
        h('button', { class: 'icon', type: 'button', 'aria-label': 'Close', onclick: () => this.close() }, icon('close'))),
      frame, choices);
    dialog.addEventListener('close', () => this.#closed());
    document.body.append(dialog);
    this.#dialog = dialog;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    selection.addEventListener('change', () => this.#draw(), { signal });
    store.addEventListener('columns', () => this.#draw(), { signal });
    store.addEventListener('state', () => this.#drawChoices(), { signal });
    this.#draw();
    this.#drawChoices();
    dialog.showModal();
    dialog.focus();
  }

  #draw() {
    const image = selection.current;
    // After the last picture without a label there is none to look at.
    if (image < 0) return this.close();
    const { frame, name, words } = this.#parts;
    const { aloud, why } = stateOf(image);
    const alt = `${store.names[image]}, ${aloud}`;
    if (image === this.#parts.image) frame.firstChild.alt = alt;
    else {
      // A new element: the picture before would be seen until this one is there. Meanwhile, the small one is.
      const picture = h('img', { src: `/picture/${image}`, alt });
      picture.style.backgroundImage = `url("${thumb(image)}")`;
      picture.addEventListener('load', () => { picture.style.backgroundImage = ''; });
      fill(frame, picture);
      this.#parts.image = image;
    }
    setText(name, store.names[image]);
    name.title = store.names[image];
    setText(words, why ? `${aloud} · ${why}` : aloud);
  }

  #drawChoices() {
    const classes = JSON.stringify(store.classes.map(({ name }) => name));
    if (classes === this.#parts.classes) return;
    this.#parts.classes = classes;
    const button = (act, ...words) => h('button', { type: 'button', onclick: (event) => {
      act();
      // After a press of the mouse, the next key is not for this button.
      if (event.detail) this.#dialog?.focus();
    } }, words);
    fill(this.#parts.choices,
      store.classes.map(({ name }, index) => button(() => labelWith(index), glyph(index), named(name), index < 9 && key(String(index + 1)))),
      button(() => skip(), 'Not sure', key(keyName(keysOf('skip')[0]))),
      button(() => exclude(), 'Leave out', key(keyName(keysOf('exclude')[0]))));
  }

  #closed() {
    this.#stop.abort();
    this.#dialog.remove();
    this.#dialog = null;
    const { grid } = screenOf() ?? {};
    grid?.reveal(grid.position, true);
  }
}

export const preview = new Preview();
