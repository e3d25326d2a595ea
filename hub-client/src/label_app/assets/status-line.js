// <status-line>: how far the looking is, what could not be read, whether everything is saved.

import { fill, h, setText } from './dom.js';
import { key } from './glyphs.js';
import { router, screenName, SCREENS } from './router.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { count, duration, many } from './words.js';

const STOPPED = 'The program has stopped. What was shown as saved is on the disk. Start hub label again and open the address it prints.';

const troubleOf = (problem) => (problem ? [problem.message, problem.hint].filter(Boolean).join('. ') : '');

class StatusLine extends Watcher {
  sources() { return [[store, 'state'], [store, 'saving'], [store, 'link'], [selection, 'change'], [router, 'change']]; }

  build() {
    this.bar = h('progress', { max: 1, 'aria-label': 'Pictures looked at' });
    this.looked = h('span');
    this.bad = h('a', { href: '#start' });
    this.saved = h('span', { class: 'saved' });
    this.number = h('span');
    this.chosen = h('span', { class: 'chosen' }, this.number, h('span', { class: 'chosen-words' }, ': press their class, or Esc'));
    this.lost = h('p', { class: 'lost', role: 'alert', hidden: true });
    const hint = (text, words) => h('span', {}, key(text), ` ${words}`);
    this.hints = h('span', { class: 'hints', 'aria-hidden': 'true' },
      hint('1–9', 'class'), hint('0', 'not sure'), hint('x', 'leave out'), hint('Space', 'enlarge'), hint('?', 'all keys'));
    fill(this, this.lost, this.bar, this.looked, this.bad, this.chosen, this.saved, this.hints);
  }

  draw() {
    const { total, embedded, seconds_left: left, failed_total: failed } = store.state.images;
    const isDone = embedded + failed >= total;
    this.bar.hidden = isDone;
    this.bar.value = total ? (embedded + failed) / total : 1;
    const rest = left == null ? '' : `, about ${duration(left)} left`;
    setText(this.looked, isDone ? many(total, 'picture') : `${count(embedded)} of ${count(total)} looked at${rest}`);
    this.bad.hidden = !failed;
    setText(this.bad, `${count(failed)} cannot be read`);
    this.chosen.hidden = !selection.size;
    setText(this.number, selection.size ? `${count(selection.size)} chosen` : '');
    setText(this.saved, store.saving ? 'Saving…' : 'All saved');
    this.hints.hidden = !SCREENS[screenName()].hasPanels;
    const trouble = store.linked ? troubleOf(store.state.problem) : STOPPED;
    this.lost.hidden = !trouble;
    setText(this.lost, trouble);
  }
}

customElements.define('status-line', StatusLine);
