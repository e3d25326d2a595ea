// One picture, large. Keys go on working: classes label it, arrows move on.

import { h, setText } from './dom.js';
import { icon } from './glyphs.js';
import { screenOf } from './router.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { stateOf } from './tile.js';

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
    const picture = h('img', { alt: '' });
    const name = h('h2', { id: 'preview-name' });
    const words = h('p', { class: 'muted' });
    const step = (by, words, mark) => h('button', { class: 'icon', type: 'button', 'aria-label': words, onclick: () => screenOf()?.grid?.move(by) }, mark);
    this.#parts = { picture, name, words };
    const dialog = h('dialog', { id: 'preview', 'aria-labelledby': 'preview-name', tabindex: '-1' },
      h('header', {}, h('div', {}, name, words), step(-1, 'Picture before', '←'), step(1, 'Next picture', '→'),
        h('button', { class: 'icon', type: 'button', 'aria-label': 'Close', onclick: () => this.close() }, icon('close'))),
      h('div', { class: 'preview-picture' }, picture));
    dialog.addEventListener('close', () => this.#closed());
    document.body.append(dialog);
    this.#dialog = dialog;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    selection.addEventListener('change', () => this.#draw(), { signal });
    store.addEventListener('columns', () => this.#draw(), { signal });
    this.#draw();
    dialog.showModal();
    dialog.focus();
  }

  #draw() {
    const image = selection.current;
    // After the last picture without a label there is none to look at.
    if (image < 0) return this.close();
    const { picture, name, words } = this.#parts;
    const address = `/picture/${image}`;
    if (picture.getAttribute('src') !== address) picture.src = address;
    const { aloud, why } = stateOf(image);
    picture.alt = `${store.names[image]}, ${aloud}`;
    setText(name, store.names[image]);
    setText(words, why ? `${aloud} · ${why}` : aloud);
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
