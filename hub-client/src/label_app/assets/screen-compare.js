// <compare-screen>: would another extractor do better? Measured on the labels so far; one press takes it.

import { fill, h, isOff, setText, switchOff } from './dom.js';
import { failed, say } from './live.js';
import { read, write } from './server.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { count, duration, inHundred, many, sentence } from './words.js';

const ASK_MILLISECONDS = 700;
const AGAIN_MILLISECONDS = 2000;
const HEADINGS = ['Extractor', 'Right of 100', 'Answers of 100', 'Made for such pictures', 'A picture takes', 'Size', 'Licence', 'Verdict'];

class CompareScreen extends Watcher {
  #timer = 0;
  #result = null;
  #isLost = false;
  #used = '';

  sources() { return [[store, 'state']]; }

  build() {
    this.go = h('button', { type: 'button', class: 'primary', onclick: () => this.#start() });
    this.words = h('p', { class: 'muted', role: 'status' });
    this.advice = h('p', { class: 'number' });
    this.notes = h('div', { class: 'muted small', hidden: true },
      h('p', {}, h('strong', {}, 'Answers of 100: '), 'how many of 100 new pictures it would answer by itself if 9 of 10 answers must be right; it leaves the others to you.'),
      h('p', {}, h('strong', {}, 'Made for such pictures: '), 'how many of the labelled pictures are like those its maker made it for.'));
    this.table = h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'Extractors compared' });
    fill(this, h('div', { class: 'page' },
      h('h1', {}, 'Would another extractor do better?'),
      h('p', {}, 'An extractor is what looks at your pictures and notes what it sees; from these notes the computer learns your classes. Another one may notice more of what matters to you. Each one installed here is measured on the labels you have made so far.'),
      h('div', { class: 'row' }, this.go, this.words), this.table, this.advice, this.notes));
  }

  left() { clearTimeout(this.#timer); }

  draw() {
    const isRunning = this.#result?.running ?? false;
    const { extractor, images } = store.state;
    if (extractor !== this.#used) {
      this.#used = extractor;
      this.#ask();
    }
    this.go.disabled = !store.state.accuracy;
    switchOff(this.go, isRunning);
    setText(this.go, isRunning ? 'Measuring…' : this.#result?.rows.length ? 'Measure again' : 'Measure them');
    setText(this.words, isRunning ? 'Each one looks at the labelled pictures; go on working meanwhile.' : looking(extractor, images) || (store.state.accuracy ? '' : 'It needs two labels of each class.'));
    this.table.hidden = !this.#result?.rows.length;
    this.notes.hidden = this.table.hidden;
    const told = this.#result?.problem ?? this.#result?.advice ?? '';
    setText(this.advice, sentence(typeof told === 'string' ? told : [told.message, told.hint].filter(Boolean).join('. ')));
  }

  focusFirst() { this.go.focus(); }

  async #start() {
    if (isOff(this.go)) return;
    try {
      this.#take(await write('/api/compare'));
    } catch (error) {
      failed(error);
    }
  }

  /** Has the pages go on through another extractor, after the labels on their way. */
  async #use(extractor) {
    const buttons = [...this.table.querySelectorAll('button')];
    if (buttons.some(isOff)) return;
    for (const button of buttons) switchOff(button, true);
    setText(this.words, `${extractor} is being loaded.`);
    if (await store.change('/api/extractor', { extractor })) this.table.focus();
    for (const button of buttons) switchOff(button, false);
    if (this.isConnected) this.draw();
  }

  async #ask() {
    const result = await read('/api/compare').catch((error) => this.#missed(error));
    if (!result || !this.isConnected) return;
    this.#isLost = false;
    this.#take(result);
  }

  /** Said once; it is asked again until there is an answer. */
  #missed(error) {
    if (!this.isConnected) return;
    if (!this.#isLost) failed(error);
    this.#isLost = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), AGAIN_MILLISECONDS);
  }

  #take(result) {
    const wasRunning = this.#result?.running;
    this.#result = result;
    if (wasRunning && !result.running) say('The extractors are compared');
    clearTimeout(this.#timer);
    if (result.running) this.#timer = setTimeout(() => this.#ask(), ASK_MILLISECONDS);
    fill(this.table, h('table', {},
      h('caption', { class: 'unseen' }, `Measured on ${many(result.labels, 'labelled picture')}`),
      h('thead', {}, h('tr', {}, HEADINGS.map((words) => h('th', { scope: 'col' }, words)))),
      h('tbody', {}, result.rows.map((row) => rowOf(row, (extractor) => this.#use(extractor))), result.failed.map(failedRow))));
    this.draw();
  }
}

function rowOf(row, use) {
  const isBetter = row.verdict === 'clearly better';
  return h('tr', {},
    h('th', { scope: 'row' }, h('code', {}, row.extractor)),
    h('td', {}, h('span', { class: 'number' }, `${inHundred(row.from)}–${inHundred(row.to)}`), bar(row)),
    h('td', {}, h('span', { class: 'number' }, inHundred(row.answered)), h('p', { class: 'muted small' }, rightWords(row))),
    h('td', {}, domainWords(row)),
    h('td', {}, `${row.milliseconds.toFixed(row.milliseconds < 10 ? 1 : 0)} ms`),
    h('td', {}, row.megabytes < 0.1 ? 'under 0.1 MB' : `${row.megabytes.toFixed(row.megabytes < 10 ? 1 : 0)} MB`),
    h('td', {}, row.licence),
    h('td', {}, h('span', { class: 'verdict', 'data-verdict': row.verdict }, row.verdict), h('p', { class: 'muted small' }, row.words),
      row.verdict !== 'in use' && h('button', { type: 'button', class: isBetter ? 'small primary' : 'small', 'aria-label': `Use this one: ${row.extractor}`, onclick: () => use(row.extractor) }, 'Use this one')));
}

const rightWords = ({ answered_right: right }) => (right == null ? 'sure enough of none' : `${inHundred(right)} of 100 of these right`);

function domainWords({ domain }) {
  if (!domain) return h('span', { class: 'muted' }, 'not told');
  return [
    h('span', { class: 'number' }, `${inHundred(domain.share_inside)} %`),
    h('p', { class: 'muted small' }, `${count(domain.images - domain.unlike)} of ${many(domain.images, 'picture')}${domain.is_strange ? ': it was made for others' : ''}`),
  ];
}

/** How far the extractor in use has looked, while it does. */
function looking(extractor, { total, embedded, failed_total: failed, seconds_left: left }) {
  if (embedded + failed >= total) return '';
  return `${extractor} looks at your pictures: ${count(embedded)} of ${count(total)}${left == null ? '' : `, about ${duration(left)} left`}. Your labels are all here.`;
}

const failedRow = ({ extractor, reason }) => h('tr', {},
  h('th', { scope: 'row' }, h('code', {}, extractor)),
  h('td', { colspan: HEADINGS.length - 1, class: 'muted' }, `Could not be measured: ${reason}`));

function bar({ from, to }) {
  const band = h('i', { class: 'band' });
  band.style.left = `${from * 100}%`;
  band.style.width = `${(to - from) * 100}%`;
  return h('div', { class: 'band-scale', 'aria-hidden': 'true' }, h('i', { class: 'track' }), band);
}

customElements.define('compare-screen', CompareScreen);
