// <accuracy-band>: how often it would be right, honestly: from … to … in a hundred.

import { fill, h, setText, svg } from './dom.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { inHundred, many, sentence as whole } from './words.js';

const CHART = { width: 240, height: 56 };

class AccuracyBand extends Watcher {
  sources() { return [[store, 'state']]; }

  build() {
    this.big = h('p', { class: 'band-number' });
    this.scale = h('div', { class: 'band-scale', 'aria-hidden': 'true' });
    this.sentence = h('p', { class: 'band-sentence' });
    this.advice = h('p', { class: 'band-advice' });
    this.chart = h('div', { class: 'band-chart' });
    fill(this, h('h2', {}, 'How good it is'), this.big, this.scale, this.sentence, this.advice, this.chart);
  }

  draw() {
    const { accuracy, needs } = store.state;
    this.dataset.known = accuracy ? 'yes' : 'no';
    if (!accuracy) {
      setText(this.big, 'No number yet');
      fill(this.scale, h('i', { class: 'track' }));
      setText(this.sentence, needs ? whole(`please ${needs}`) : 'Two labels of each class, and the first number is here.');
      setText(this.advice, '');
      fill(this.chart, h('p', { class: 'chart-empty' }, 'How it grows is drawn here.'));
      return;
    }
    const [from, to, coin] = [accuracy.from, accuracy.to, accuracy.coin].map(inHundred);
    fill(this.big, h('span', { class: 'figures' }, `${from}–${to}`), h('span', {}, ' of 100 right'));
    const band = h('i', { class: 'band' });
    band.style.left = `${from}%`;
    band.style.width = `${Math.max(1, to - from)}%`;
    const tick = h('i', { class: 'coin' });
    tick.style.left = `${coin}%`;
    fill(this.scale, h('i', { class: 'track' }), tick, band);
    setText(this.sentence, sentence(accuracy, coin));
    setText(this.advice, advice(accuracy));
    fill(this.chart, narrowing(store.history));
  }
}

function sentence({ labels, audit }, coin) {
  const checks = audit.checked ? `${many(audit.checked, 'random check')}, ${audit.right} right` : 'no random check yet';
  return `From ${many(labels, 'label')}; ${checks}. Guessing would get ${coin}.`;
}

function advice({ more_helps: helps, from, to, coin }) {
  if (helps === false && from <= coin) return 'This may be no better than guessing. Look at the doubtful ones, or compare: another extractor may see what you see.';
  if (helps === false) return 'More labels hardly help now. Look at the doubtful ones, or finish.';
  if (to - from > 0.3) return 'Each label makes this narrower.';
  return helps ? 'More labels still help.' : '';
}

/** How the band narrowed, label by label. */
function narrowing(history) {
  const points = [...history].sort(([a], [b]) => a - b);
  if (points.length < 2) return h('p', { class: 'chart-empty' }, 'How it grows is drawn here.');
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const x = (labels) => ((labels - first) / (last - first)) * CHART.width;
  const y = (share) => (1 - share) * CHART.height;
  const upper = points.map(([labels, { to }]) => `${x(labels)} ${y(to)}`);
  const lower = points.map(([labels, { from }]) => `${x(labels)} ${y(from)}`).reverse();
  const middle = points.map(([labels, { share }]) => `${x(labels)} ${y(share)}`);
  const words = `From ${many(first, 'label')} to ${last}: the band went from ${inHundred(points[0][1].from)}–${inHundred(points[0][1].to)} to ${inHundred(points.at(-1)[1].from)}–${inHundred(points.at(-1)[1].to)}`;
  return h('figure', {},
    svg('svg', { viewBox: `0 -2 ${CHART.width} ${CHART.height + 4}`, role: 'img', 'aria-label': words, preserveAspectRatio: 'none' },
      svg('path', { class: 'chart-band', d: `M${[...upper, ...lower].join('L')}Z` }),
      svg('path', { class: 'chart-middle', d: `M${middle.join('L')}`, 'vector-effect': 'non-scaling-stroke' })),
    h('figcaption', {}, h('span', {}, many(first, 'label')), h('span', {}, String(last))));
}

customElements.define('accuracy-band', AccuracyBand);
