// <suspects-screen>: labels that look wrong, each beside its nearest pictures; keep or change.

import { labelAs } from './actions.js';
import { fill, h, named, redrawn } from './dom.js';
import { glyph, key } from './glyphs.js';
import { keyName, keysOf } from './keys.js';
import { say } from './live.js';
import { selection } from './selection.js';
import { read } from './server.js';
import { store } from './store.js';
import { makeStrip, small } from './strip.js';
import { Watcher } from './watch.js';
import { fileName, inHundred } from './words.js';

const NEAREST = 3;
const ASKED = 12;
/** Look-alikes among which those with a label are looked for. */
const AMONG = 400;
const KEPT = 'hub-label-kept';

class SuspectsScreen extends Watcher {
  #shown = '';
  /** Pictures of which something was said here: when they go, the next one's turn has come. */
  #answered = new Set();

  sources() { return [[store, 'state']]; }

  build() {
    this.list = h('ol', { class: 'suspects', tabindex: '-1', 'aria-label': 'Labels that look wrong' });
    this.list.addEventListener('focusin', (event) => {
      const row = event.target.closest('li[data-image]');
      if (!row) return;
      selection.clear();
      selection.look(Number(row.dataset.image));
    });
    fill(this, h('div', { class: 'screen-head' }, h('div', {}, h('h1', {}, 'Labels that look wrong'),
      h('p', { class: 'muted' }, 'Learning from all other labels, the computer says something else here. Often the label is right: then keep it.'))), this.list);
  }

  draw() {
    const suspects = store.state.suspects.filter((one) => !isKept(one));
    const now = JSON.stringify([suspects, store.classes]);
    if (now === this.#shown) return;
    this.#shown = now;
    const rows = () => [...this.list.querySelectorAll('li[data-image]')];
    const place = rows().findIndex((row) => row.contains(document.activeElement));
    const wasEmpty = !rows().length;
    const gone = redrawn(this.list, 'image', () => fill(this.list, suspects.length ? suspects.map((one, number) => this.#row(one, number)) :
      h('li', { class: 'empty' }, h('strong', {}, store.state.accuracy ? 'No label looks wrong' : 'Nothing to doubt yet'),
        h('p', {}, store.state.accuracy ? 'The computer agrees with all of yours, or is not sure enough to object.' : 'With two labels of each class the computer begins to look.'))));
    if (gone !== null) this.#moveOn(Number(gone), rows()[place] ?? rows().at(-1));
    else if (wasEmpty && document.activeElement === document.body) this.focusFirst();
  }

  /** A row that went by itself must not leave the next key to another picture. */
  #moveOn(gone, next) {
    if (this.#answered.has(gone) && next) return next.querySelector('button').focus();
    if (selection.current === gone) selection.look(-1);
    this.list.focus();
  }

  labelled({ images }) { for (const image of images) this.#answered.add(image); }

  command({ id }) {
    if (id !== 'keep') return false;
    const suspect = store.state.suspects.find(({ image }) => image === selection.current);
    if (suspect) this.#keep(suspect);
    return true;
  }

  focusFirst() { this.list.querySelector('button')?.focus(); }

  #row(suspect, place) {
    const { image, label, answer, probability } = suspect;
    const [mine, other] = [label, answer].map((index) => store.classes[index]?.name ?? '');
    const strip = makeStrip(`Most like ${fileName(store.names[image])}`);
    if (place < ASKED) {
      read(`/api/neighbours/${image}?count=${AMONG}`).then((found) => {
        const labelled = found.nearest.map((one) => one.image).filter((one) => store.labelOf(one).kind === 'class');
        strip.show(labelled.slice(0, NEAREST));
      }, () => {});
    }
    return h('li', { class: 'card suspect-row', 'data-image': image },
      small(image),
      h('div', { class: 'stack' },
        h('p', { class: 'file', dir: 'auto' }, fileName(store.names[image])),
        h('p', {}, 'You said ', h('strong', {}, glyph(label), ' ', named(mine)), ', the computer ', h('strong', {}, glyph(answer, true), ' ', named(other)), `, ${inHundred(probability)} in 100 sure.`),
        h('div', { class: 'row' },
          h('button', { type: 'button', class: 'small', onclick: () => this.#keep(suspect) }, h('span', {}, 'Keep ', named(mine)), key(keyName(keysOf('keep')[0]))),
          h('button', { type: 'button', class: 'small', onclick: () => labelAs(other, [image]) }, h('span', {}, 'Change to ', named(other)), answer < 9 && key(String(answer + 1))))),
      h('div', { class: 'evidence' }, h('h2', {}, 'Most like it, labelled'), strip.element));
  }

  #keep({ image, label }) {
    this.#answered.add(image);
    localStorage.setItem(KEPT, JSON.stringify([...kept(), mark({ image, label })]));
    say(`Kept: ${store.names[image]}`);
    this.draw();
  }
}

const kept = () => JSON.parse(localStorage.getItem(KEPT) ?? '[]');
const mark = ({ image, label }) => `${store.state.folder}/${store.names[image]}:${store.classes[label]?.name}`;
const isKept = (suspect) => kept().includes(mark(suspect));

customElements.define('suspects-screen', SuspectsScreen);
