// <check-screen>: what is mistaken for what, what "not sure" costs, and a picture of your own to try.

import { NO_ANSWER } from './columns.js';
import { fill, h, named, setText } from './dom.js';
import { makeDrop } from './drop.js';
import { glyph } from './glyphs.js';
import { failed, say } from './live.js';
import { screenArgument } from './router.js';
import { send } from './server.js';
import { store } from './store.js';
import { makeStrip } from './strip.js';
import { Watcher } from './watch.js';
import { count, inHundred, listed, many, within } from './words.js';

const MOST_SHOWN = 60;
/** From so many classes on the names above the columns stand upright. */
const MANY_CLASSES = 8;
const MISTAKES_TOLD = 3;
const CHOICES = [0.99, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];

class CheckScreen extends Watcher {
  #cell = null;

  sources() { return [[store, 'state'], [store, 'columns']]; }

  build() {
    this.matrix = h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'What is mistaken for what' });
    this.mistakes = h('div', { class: 'row mistakes', role: 'group', 'aria-label': 'Most often mistaken' });
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
      this.columns = h('div', { class: 'check-columns' },
        h('section', { class: 'card stack' },
          h('h2', {}, 'What is mistaken for what'),
          h('p', { class: 'muted small' }, 'Each labelled picture is answered by what was learnt from the others. Press a number to see its pictures.'),
          this.mistakes, this.matrix, h('div', { class: 'stack cell-pictures' }, this.cellWords, this.strip.element)),
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
    else {
      fill(this.matrix, h('p', { class: 'muted' }, 'Nothing yet.'));
      this.mistakes.hidden = true;
    }
    if (accuracy) this.#drawCoverage(accuracy);
    else setText(this.sliderWords, '');
    this.#drawCell();
  }

  focusFirst() { (screenArgument() === 'try' ? this.drop : this.matrix).querySelector('button')?.focus(); }

  #drawMatrix(confusion) {
    const held = document.activeElement?.dataset?.cell;
    const isMany = confusion.length > MANY_CLASSES;
    this.columns.classList.toggle('many', isMany);
    this.#drawMistakes(confusion);
    fill(this.matrix, h('table', { class: isMany ? 'matrix many' : 'matrix' },
      h('caption', { class: 'unseen' }, 'Rows: what you said. Columns: what the computer says.'),
      h('thead', {},
        h('tr', {}, h('td', {}), h('th', { scope: 'colgroup', colspan: confusion.length }, 'The computer says')),
        h('tr', {}, h('td', { class: 'muted small' }, 'You said'), confusion.map((_, said) => h('th', { scope: 'col', title: nameOf(said) }, glyph(said), ' ', named(nameOf(said)))))),
      h('tbody', {}, confusion.map((row, truth) => {
        const all = sum(row);
        return h('tr', {},
          h('th', { scope: 'row', title: nameOf(truth) }, glyph(truth), ' ', named(nameOf(truth))),
          row.map((number, said) => this.#matrixCell(truth, said, number, all)));
      }))));
    if (held) this.matrix.querySelector(`[data-cell="${held}"]`)?.focus();
  }

  /** The pairs of classes that are mistaken most often: in a large table they are hard to find. */
  #drawMistakes(confusion) {
    const pairs = confusion.flatMap((row, truth) => row.map((number, said) => ({ truth, said, number })));
    const worst = pairs.filter(({ truth, said, number }) => truth !== said && number > 0).sort((a, b) => b.number - a.number).slice(0, MISTAKES_TOLD);
    const held = [...this.mistakes.children].indexOf(document.activeElement);
    this.mistakes.hidden = !worst.length;
    fill(this.mistakes, worst.map(({ truth, said, number }) => h('button', { type: 'button', class: 'small', onclick: () => this.#choose(truth, said, number) },
      h('span', {}, glyph(truth), ' ', named(nameOf(truth)), ' taken for ', glyph(said, true), ' ', named(nameOf(said)), `: ${count(number)} of ${count(sum(confusion[truth]))}`))));
    if (held >= 0) (this.mistakes.children[held] ?? this.matrix).focus();
  }

  #choose(truth, said, number) {
    this.#cell = { truth, said };
    this.draw();
    say(cellWords(truth, said, number));
  }

  #matrixCell(truth, said, number, all) {
    const button = h('button', { type: 'button', 'aria-label': cellWords(truth, said, number), 'data-cell': `${truth}-${said}`, 'data-right': String(truth === said), disabled: !number,
      'aria-pressed': String(this.#cell?.truth === truth && this.#cell?.said === said),
      onclick: () => this.#choose(truth, said, number) }, number ? count(number) : '·');
    button.style.setProperty('--share', `${Math.round((number / Math.max(1, all)) * 100)}%`);
    return h('td', {}, button);
  }

  #drawCell() {
    const { label, answer } = store.columns;
    const cell = this.#cell;
    const number = cell && store.state.accuracy?.confusion[cell.truth]?.[cell.said];
    this.cellWords.hidden = number === undefined || number === null;
    if (this.cellWords.hidden) return this.strip.show([]);
    const images = [];
    for (let image = 0; image < label.length && images.length < MOST_SHOWN; image += 1) {
      if (label[image] === cell.truth && answer[image] !== NO_ANSWER && answer[image] === cell.said) images.push(image);
    }
    setText(this.cellWords, cellWords(cell.truth, cell.said, number));
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

const sum = (row) => row.reduce((all, number) => all + number, 0);
const nameOf = (index) => store.classes[index]?.name ?? '';

/** What a number of the table says. */
function cellWords(truth, said, number) {
  const pictures = `${many(number, 'picture')} of ${within(nameOf(truth))}`;
  return truth === said ? `${pictures} answered right` : `${pictures} answered ${within(nameOf(said))}`;
}

function verdict(found) {
  const name = (index) => within(nameOf(index));
  if (found.unlike) return h('p', {}, h('strong', {}, 'Unlike anything you labelled.'), ` Nearest is ${name(found.answer)}, but do not rely on it.`);
  if (found.unsure) return h('p', {}, h('strong', {}, 'Not sure'), found.plausible.length > 1 ? `: ${listed(found.plausible.map(name), 'or')}.` : '.');
  return h('p', { class: 'verdict-line' }, glyph(found.answer), h('strong', {}, named(nameOf(found.answer))), ` ${inHundred(found.probability)} in 100 sure`);
}

function reasons({ nearest }) {
  const strip = makeStrip('Most like it');
  strip.show(nearest.slice(0, 3).map(({ image }) => image));
  return strip.element;
}

customElements.define('check-screen', CheckScreen);
