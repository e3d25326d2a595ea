// What this page knows: the program's state, the columns, and labels that are on their way to the disk.

import { emptyColumns, parseColumns, renumbered, DOUBT, EXCLUDED, NO_ANSWER, NO_LABEL, SKIPPED } from './columns.js';
import { belongTo, listen, read, readBytes, readNames, send, write } from './server.js';

const LEARNING_MILLISECONDS = 300;
const PATIENCE_MILLISECONDS = 5000;
const AGAIN_MILLISECONDS = 2000;
const LOADED_AGAIN = 'hub-label-loaded-again';

/** Whether this page has loaded itself because the program was started anew; said once. */
export function wasLoadedAgain() {
  const was = sessionStorage.getItem(LOADED_AGAIN) !== null;
  sessionStorage.removeItem(LOADED_AGAIN);
  return was;
}

/**
 * Events: `state` (numbers, classes), `columns` (something known of images), `saving` (labels on their way),
 * `link` (the program is gone or back), `extractor` (another one looks at the pictures now), `failed` (detail: the error).
 */
class Store extends EventTarget {
  state = null;
  names = [];
  token = '0';
  columns = emptyColumns(0);
  linked = true;
  /** Whether the page is about to load itself again. */
  isLeaving = false;
  /** Accuracy after each number of labels, as seen by this tab. */
  history = new Map();
  #pending = new Map();
  #queue = Promise.resolve();
  #writes = 0;
  #timer = 0;
  #wanted = 0;
  /** Columns of an earlier version count the classes otherwise. */
  #numberedSince = 0;
  #isReading = false;
  #isBehind = false;

  /** Reads everything once and then follows the program. */
  async start() {
    const [columns, names] = await Promise.all([readBytes('/api/columns'), readNames()]);
    this.names = names.names;
    this.token = names.token;
    this.columns = emptyColumns(this.names.length);
    // After the columns, whose numbers of classes are those of its list.
    const state = await read('/api/state');
    belongTo(state.session, () => this.#leave());
    this.#adopt(state);
    this.#take(parseColumns(columns));
    listen((said) => this.#heard(said), () => this.#setLinked(false), () => this.#setLinked(true));
  }

  get classes() { return this.state?.classes ?? []; }
  /** How many changes are not on the disk yet. */
  get saving() { return this.#writes; }

  /** What an image is called by hand: `{ kind: 'class'|'skip'|'exclude'|'none', index, name, saving }`. */
  labelOf(image) {
    const pending = this.#pending.get(image);
    if (pending) return { ...this.#named(pending.change), saving: !pending.saved };
    const code = this.columns.label[image];
    if (code === SKIPPED) return { kind: 'skip', index: -1, name: '', saving: false };
    if (code === EXCLUDED) return { kind: 'exclude', index: -1, name: '', saving: false };
    if (code === NO_LABEL || !(code < this.classes.length)) return { kind: 'none', index: -1, name: '', saving: false };
    return { kind: 'class', index: code, name: this.classes[code].name, saving: false };
  }

  /** The labels on their way: pairs of image and label. */
  pendingLabels() { return [...this.#pending].map(([image, { change }]) => [image, this.#named(change)]); }

  /** What the computer answers: `{ index, name, probability, unsure, unlike }`, or null. */
  answerOf(image) {
    const { answer, doubt, probability } = this.columns;
    const index = answer[image];
    if (index === NO_ANSWER || !(index < this.classes.length)) return null;
    return {
      index, name: this.classes[index].name, probability: probability[image] / 255,
      unsure: (doubt[image] & DOUBT.unsure) !== 0, unlike: (doubt[image] & DOUBT.unlike) !== 0,
    };
  }

  doubts(image, bit) { return (this.columns.doubt[image] & bit) !== 0; }

  /**
   * Labels images: `change` is `{ class: name|null }` or `{ mark: 'skip'|'exclude' }`; `checks` are those of them that were random
   * checks. Shown at once, saved soon, and taken back together.
   */
  label(images, change, checks = []) {
    const ticket = { change, saved: false, version: Infinity };
    for (const image of images) this.#pending.set(image, ticket);
    this.#tell('columns');
    const body = { set: images.map((image) => ({ image, ...change, audit: checks.includes(image) })) };
    return this.change('/api/labels', body, ticket);
  }

  /** Sends a change after those before it; resolves with the answer, or null when it failed. */
  change(path, body = {}, ticket = {}) { return this.#enqueue(() => write(path, body), ticket); }

  /** Takes the last change back (`undo`) or does it again (`redo`), after those on their way; `{ isNothing: true }` when there is none. */
  step(what) { return this.#enqueue(async () => (this.state[what] ? write(`/api/${what}`) : { isNothing: true })); }

  /** Takes in the labels of a file, after the changes before it. */
  importLabels(file) { return this.#enqueue(() => send('/api/labels/import', file, 'text/csv')); }

  #enqueue(sendIt, ticket = {}) {
    this.#writes += 1;
    this.#tell('saving');
    const step = this.#queue.then(async () => {
      try {
        const answer = await sendIt();
        Object.assign(ticket, { saved: true, version: answer.classes ? answer.version : 0 });
        if (answer.classes) this.#adopt(answer);
        return answer;
      } catch (error) {
        ticket.version = 0;
        this.#settle();
        this.#tell('failed', error);
        return null;
      } finally {
        this.#writes -= 1;
        this.#tell('saving');
      }
    });
    this.#queue = step;
    return step;
  }

  /** Resolves when nothing of this tab is on its way to the disk any more. */
  async idle() {
    while (this.#writes) await this.#queue;
  }

  /** Resolves when the computer has learnt from all labels, suggests what follows, and the columns say so too; or when that takes too long. */
  async settled() {
    await this.idle();
    const until = performance.now() + PATIENCE_MILLISECONDS;
    while (!this.#isSettled && performance.now() < until) {
      await new Promise((done) => {
        this.addEventListener('state', done, { once: true });
        this.addEventListener('columns', done, { once: true });
        setTimeout(done, until - performance.now());
      });
    }
  }

  get #isSettled() {
    const { done, version } = this.state;
    return done.labels && done.suggestions && this.columns.version >= version;
  }

  #adopt(state) {
    if (this.state && state.session !== this.state.session) return this.#leave();
    if (this.state && state.version < this.state.version) return;
    const before = this.classes.map(({ name }) => name);
    const isOther = this.state && state.extractor !== this.state.extractor;
    this.state = state;
    this.#renumber(before);
    // How good another one was says nothing of this one.
    if (isOther) this.history.clear();
    if (state.accuracy && state.done.labels) this.history.set(state.accuracy.labels, state.accuracy);
    for (const labels of this.history.keys()) if (labels > state.labels) this.history.delete(labels);
    this.#tell('state');
    if (isOther) this.#tell('extractor');
  }

  /** When classes got other numbers, the columns get them too, until those of the new list are here. */
  #renumber(before) {
    const now = this.classes.map(({ name }) => name);
    if (before.every((name, index) => now[index] === name)) return;
    this.columns = renumbered(this.columns, before, now);
    this.#numberedSince = this.state.version;
    this.#wanted = Math.max(this.#wanted, this.state.version);
    this.#tell('columns');
    this.#read();
  }

  #take(columns) {
    if (columns.version < Math.max(this.columns.version, this.#numberedSince)) return;
    this.columns = columns;
    this.#settle();
  }

  /** Forgets the labels on their way that the columns hold by now. */
  #settle() {
    for (const [image, ticket] of this.#pending) if (ticket.version <= this.columns.version) this.#pending.delete(image);
    this.#tell('columns');
  }

  /** The program is ahead of this page. Before it has learnt there is little to read: what was labelled here is shown already. */
  #heard({ version, learnt }) {
    this.#wanted = Math.max(this.#wanted, version);
    if (learnt) this.#read();
    else this.#timer ||= setTimeout(() => this.#read(), LEARNING_MILLISECONDS);
  }

  /** Reads until this page is as far as the program. What fails here is no failure of a label. */
  async #read() {
    if (this.#isReading) return;
    this.#isReading = true;
    clearTimeout(this.#timer);
    this.#timer = 0;
    try {
      while (Math.min(this.state.version, this.columns.version) < this.#wanted) {
        const columns = readBytes('/api/columns');
        columns.catch(() => {});
        this.#adopt(await read('/api/state'));
        const fresh = parseColumns(await columns);
        // Never columns without the list of classes that they count.
        if (fresh.version > this.state.version) this.#adopt(await read('/api/state'));
        this.#take(fresh);
        this.#isBehind = false;
      }
    } catch (error) {
      // Said once; it is tried again until it works or the program is gone.
      if (error.status !== 0 && !this.#isBehind) this.#tell('failed', error);
      this.#isBehind = true;
      this.#timer = setTimeout(() => this.#read(), AGAIN_MILLISECONDS);
    } finally {
      this.#isReading = false;
    }
  }

  /** The program was started anew and counts its pictures anew: this page must not go on with the old numbers. */
  #leave() {
    this.isLeaving = true;
    sessionStorage.setItem(LOADED_AGAIN, 'yes');
    location.reload();
  }

  #named(change) {
    if (change.mark) return { kind: change.mark, index: -1, name: '' };
    if (change.class == null) return { kind: 'none', index: -1, name: '' };
    return { kind: 'class', index: this.classes.findIndex((one) => one.name === change.class), name: change.class };
  }

  #setLinked(linked) {
    if (this.linked === linked) return;
    this.linked = linked;
    this.#tell('link');
  }

  #tell(what, detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }
}

export const store = new Store();
