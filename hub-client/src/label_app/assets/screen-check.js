// <check-screen>: what is mistaken for what, what "not sure" costs, and a picture of your own to try.

import { NO_ANSWER } from './columns.js';
import { fill, h, setText } from './dom.js';
import { makeDrop } from './drop.js';
import { glyph } from './glyphs.js';
import { failed, say } from './live.js';
import { screenArgument } from './router.js';
import { send } from './server.js';
import { store } from './store.js';
import { makeStrip } from './strip.js';
import { Watcher } from './watch.js';
import { count, inHundred, listed, many } from './words.js';

const MOST_SHOWN = 60;
const CHOICES = [0.99, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];

class CheckScreen extends Watcher {
  #cell = null;

  sources() { return [[store, 'state'], [store, 'columns']]; }

  build() {
    this.matrix = h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'What is mistaken for what' });
    this.cellWords = h('h3', { hidden: true });
    this.strip = makeStrip('Pictures of this cell');
    this.slider = h('input', { type: 'range', id: 'coverage', min: 0, max: CHOICES.length - 1, step: 1, onchange: () => store.change('/api/coverage', { coverage: CHOICES[this.slider.value] }) });
    this.sliderWords = h('p', { id: 'coverage-words' });
    this.slider.setAttribute('aria-describedby', 'coverage-words');
    this.tried = h('div', { class: 'tried', role: 'status' });
    this.needs = h('p', { class: 'muted' });
    this.drop = makeDrop('Try a picture of your own', (file) => this.#try(file));
    fill(this, h('div', { class: 'page' },
      h('h1', {}, 'Check'), this.needs,
      h('div', { class: 'check-columns' },
        h('section', { class: 'card stack' },
          h('h2', {}, 'What is mistaken for what'),
          h('p', { class: 'muted small' }, 'Each labelled picture is answered by what was learnt from the others. Press a number to see its pictures.'),
          this.matrix, h('div', { class: 'stack cell-pictures' }, this.cellWords, this.strip.element)),
        h('div', { class: 'stack' },
          h('section', { class: 'card stack' },
            h('h2', {}, 'When should it say “not sure”?'),
            h('label', { for: 'coverage' }, 'How bold it may be'), this.slider,
            h('div', { class: 'ends small muted', 'aria-hidden': 'true' }, h('span', {}, 'careful'), h('span', {}, 'bold')),
            this.sliderWords),
          h('section', { class: 'card stack' },
            h('h2', {}, 'Try it'),
            h('p', { class: 'muted small' }, 'The picture is looked at and forgotten.'),
            this.drop, this.tried)))));
    if (screenArgument() === 'try') this.drop.querySelector('button').focus();
  }

  draw() {
    const { accuracy } = store.state;
    setText(this.needs, accuracy ? '' : 'Two labels of each class are needed before there is something to check.');
    this.needs.hidden = Boolean(accuracy);
    this.slider.disabled = !accuracy;
    if (accuracy) this.#drawMatrix(accuracy.confusion);
    else fill(this.matrix, h('p', { class: 'muted' }, 'Nothing yet.'));
    if (accuracy) this.#drawCoverage(accuracy);
    else setText(this.sliderWords, '');
    this.#drawCell();
  }

  focusFirst() { (screenArgument() === 'try' ? this.drop : this.matrix).querySelector('button')?.focus(); }

  #drawMatrix(confusion) {
    const most = Math.max(1, ...confusion.flat());
    const held = document.activeElement?.dataset?.cell;
    const names = store.classes.map(({ name }, index) => [glyph(index), ` ${name}`]);
    fill(this.matrix, h('table', { class: 'matrix' },
      h('caption', { class: 'unseen' }, 'Rows: what you said. Columns: what the computer says.'),
      h('thead', {},
        h('tr', {}, h('td', {}), h('th', { scope: 'colgroup', colspan: confusion.length }, 'The computer says')),
        h('tr', {}, h('td', { class: 'muted small' }, 'You said'), names.slice(0, confusion.length).map((name) => h('th', { scope: 'col', title: name[1] }, name)))),
      h('tbody', {}, confusion.map((row, truth) => h('tr', {},
        h('th', { scope: 'row' }, glyph(truth), ` ${store.classes[truth]?.name ?? ''}`),
        row.map((number, said) => this.#matrixCell(truth, said, number, most)))))));
    if (held) this.matrix.querySelector(`[data-cell="${held}"]`)?.focus();
  }

  #matrixCell(truth, said, number, most) {
    const [mine, theirs] = [truth, said].map((index) => store.classes[index]?.name ?? '');
    const words = truth === said ? `${many(number, 'picture')} of ${mine} answered right` : `${many(number, 'picture')} of ${mine} answered ${theirs}`;
    const button = h('button', { type: 'button', 'aria-label': words, 'data-cell': `${truth}-${said}`, 'data-right': String(truth === said), disabled: !number,
      'aria-pressed': String(this.#cell?.truth === truth && this.#cell?.said === said),
      onclick: () => {
        this.#cell = { truth, said, words };
        this.draw();
        say(words);
      } }, count(number));
    button.style.setProperty('--share', `${Math.round((number / most) * 100)}%`);
    return h('td', {}, button);
  }

  #drawCell() {
    const { label, answer } = store.columns;
    const cell = this.#cell;
    if (!cell || !store.state.accuracy) return;
    const images = [];
    for (let image = 0; image < label.length && images.length < MOST_SHOWN; image += 1) {
      if (label[image] === cell.truth && answer[image] !== NO_ANSWER && answer[image] === cell.said) images.push(image);
    }
    setText(this.cellWords, cell.words);
    this.cellWords.hidden = false;
    this.strip.show(images);
  }

  #drawCoverage({ answered, coverage }) {
    const place = CHOICES.reduce((best, value, index) => (Math.abs(value - coverage) < Math.abs(CHOICES[best] - coverage) ? index : best), 0);
    if (document.activeElement !== this.slider) this.slider.value = place;
    const words = answered?.right != null
      ? `It answers ${inHundred(answered.share)} of 100 pictures, and ${inHundred(answered.right)} of 100 of these answers are right. Of the other ${100 - inHundred(answered.share)} it says that it is not sure.`
      : 'A few more labels are needed to say what this costs.';
    setText(this.sliderWords, words);
    this.slider.setAttribute('aria-valuetext', words);
  }

  async #try(file) {
    const picture = h('img', { alt: file.name, src: URL.createObjectURL(file) });
    picture.addEventListener('load', () => URL.revokeObjectURL(picture.src), { once: true });
    fill(this.tried, picture, h('p', {}, 'Looking…'));
    const found = await send('/api/try', file).catch((error) => {
      failed(error);
      fill(this.tried);
      return null;
    });
    if (found) fill(this.tried, picture, h('div', { class: 'stack' }, verdict(found), h('h3', {}, 'Because it is most like these'), reasons(found)));
  }
}

function verdict(found) {
  const name = (index) => store.classes[index]?.name ?? '';
  if (found.unlike) return h('p', {}, h('strong', {}, 'Unlike anything you labelled.'), ` Nearest is ${name(found.answer)}, but do not rely on it.`);
  if (found.unsure) return h('p', {}, h('strong', {}, 'Not sure'), found.plausible.length > 1 ? `: ${listed(found.plausible.map(name), 'or')}.` : '.');
  return h('p', { class: 'verdict-line' }, glyph(found.answer), h('strong', {}, name(found.answer)), ` ${inHundred(found.probability)} in 100 sure`);
}

function reasons({ nearest }) {
  const strip = makeStrip('Most like it');
  strip.show(nearest.slice(0, 3).map(({ image }) => image));
  return strip.element;
}

customElements.define('check-screen', CheckScreen);
