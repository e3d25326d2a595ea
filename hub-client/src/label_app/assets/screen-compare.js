// <compare-screen>: would another extractor do better? Measured on the labels so far.

import { fill, h, isOff, setText, switchOff } from './dom.js';
import { failed, say, toast } from './live.js';
import { read, write } from './server.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { inHundred, sentence } from './words.js';

const ASK_MILLISECONDS = 700;
const AGAIN_MILLISECONDS = 2000;

class CompareScreen extends Watcher {
  #timer = 0;
  #result = null;
  #isLost = false;

  sources() { return [[store, 'state']]; }

  build() {
    this.go = h('button', { type: 'button', class: 'primary', onclick: () => this.#start() });
    this.words = h('p', { class: 'muted', role: 'status' });
    this.advice = h('p', { class: 'number' });
    this.table = h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'Extractors compared' });
    fill(this, h('div', { class: 'page' },
      h('h1', {}, 'Would another extractor do better?'),
      h('p', {}, 'An extractor is what looks at your pictures and notes what it sees; from these notes the computer learns your classes. Another one may notice more of what matters to you. Each one installed here is measured on the labels you have made so far.'),
      h('div', { class: 'row' }, this.go, this.words), this.table, this.advice));
    this.#ask();
  }

  left() { clearTimeout(this.#timer); }

  draw() {
    const isRunning = this.#result?.running ?? false;
    this.go.disabled = !store.state.accuracy;
    switchOff(this.go, isRunning);
    setText(this.go, isRunning ? 'Measuring…' : this.#result?.rows.length ? 'Measure again' : 'Measure them');
    setText(this.words, store.state.accuracy ? (isRunning ? 'Each one looks at the labelled pictures; go on working meanwhile.' : '') : 'It needs two labels of each class.');
    this.table.hidden = !this.#result?.rows.length;
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
      h('thead', {}, h('tr', {}, ['Extractor', 'Right of 100', 'A picture takes', 'Size', 'Licence', 'Verdict'].map((words) => h('th', { scope: 'col' }, words)))),
      h('tbody', {}, result.rows.map(rowOf), result.failed.map(failedRow))));
    this.draw();
  }
}

function rowOf(row) {
  const isWorthIt = row.verdict !== 'in use' && row.verdict !== 'worse';
  const command = `hub label --extractor ${row.extractor} --images ${quoted(store.state.folder)}`;
  return h('tr', {},
    h('th', { scope: 'row' }, h('code', {}, row.extractor)),
    h('td', {}, h('span', { class: 'number' }, `${inHundred(row.from)}–${inHundred(row.to)}`), bar(row)),
    h('td', {}, `${row.milliseconds.toFixed(row.milliseconds < 10 ? 1 : 0)} ms`),
    h('td', {}, `${row.megabytes.toFixed(row.megabytes < 10 ? 1 : 0)} MB`),
    h('td', {}, row.licence),
    h('td', {}, h('span', { class: 'verdict', 'data-verdict': row.verdict }, row.verdict), h('p', { class: 'muted small' }, row.words),
      isWorthIt && h('button', { type: 'button', class: 'small', onclick: async () => {
        await navigator.clipboard.writeText(command);
        toast('Copied. Your labels carry over when you run it in the terminal.', { hint: command });
      } }, 'Copy the command that takes it')));
}

const failedRow = ({ extractor, reason }) => h('tr', {},
  h('th', { scope: 'row' }, h('code', {}, extractor)),
  h('td', { colspan: 5, class: 'muted' }, `Could not be measured: ${reason}`));

function bar({ from, to }) {
  const band = h('i', { class: 'band' });
  band.style.left = `${from * 100}%`;
  band.style.width = `${(to - from) * 100}%`;
  return h('div', { class: 'band-scale', 'aria-hidden': 'true' }, h('i', { class: 'track' }), band);
}

const quoted = (path) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);

customElements.define('compare-screen', CompareScreen);
