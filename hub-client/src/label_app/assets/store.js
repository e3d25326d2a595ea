// What this page knows: the program's state, the columns, and labels that are on their way to the disk.

import { emptyColumns, parseColumns, DOUBT, EXCLUDED, NO_ANSWER, NO_LABEL, SKIPPED } from './columns.js';
import { listen, read, readBytes, readNames, write } from './server.js';

const QUIET_MILLISECONDS = 40;

/**
 * Events: `state` (numbers, classes), `columns` (something known of images), `saving` (labels on their way),
 * `link` (the program is gone or back), `failed` (detail: the error).
 */
class Store extends EventTarget {
  state = null;
  names = [];
  token = '0';
  columns = emptyColumns(0);
  linked = true;
  /** Accuracy after each number of labels, as seen by this tab. */
  history = new Map();
  #pending = new Map();
  #queue = Promise.resolve();
  #writes = 0;
  #timer = 0;
  #wanted = 0;

  /** Reads everything once and then follows the program. */
  async start() {
    const [state, names] = await Promise.all([read('/api/state'), readNames()]);
    this.names = names.names;
    this.token = names.token;
    this.columns = emptyColumns(this.names.length);
    this.#adopt(state);
    await this.#readColumns();
    listen((version) => this.#soon(version), () => this.#setLinked(false), () => {
      this.#soon(this.linked ? 0 : Infinity);
      this.#setLinked(true);
    });
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
    if (code === NO_LABEL || code >= this.classes.length) return { kind: 'none', index: -1, name: '', saving: false };
    return { kind: 'class', index: code, name: this.classes[code].name, saving: false };
  }

  /** The labels on their way: pairs of image and label. */
  pendingLabels() { return [...this.#pending].map(([image, { change }]) => [image, this.#named(change)]); }

  /** What the computer answers: `{ index, name, probability, unsure, unlike }`, or null. */
  answerOf(image) {
    const { answer, doubt, probability } = this.columns;
    const index = answer[image];
    if (index === NO_ANSWER || index >= this.classes.length) return null;
    return {
      index, name: this.classes[index].name, probability: probability[image] / 255,
      unsure: (doubt[image] & DOUBT.unsure) !== 0, unlike: (doubt[image] & DOUBT.unlike) !== 0,
    };
  }

  doubts(image, bit) { return (this.columns.doubt[image] & bit) !== 0; }

  /** Labels images: `change` is `{ class: name|null }` or `{ mark: 'skip'|'exclude' }`. Shown at once, saved soon. */
  label(images, change, isAudit = false) {
    const ticket = { change, saved: false, version: Infinity };
    for (const image of images) this.#pending.set(image, ticket);
    this.#tell('columns');
    const body = { set: images.map((image) => ({ image, ...change })), audit: isAudit };
    return this.change('/api/labels', body, ticket);
  }

  /** Sends a change after those before it; resolves with the answer, or null when it failed. */
  change(path, body = {}, ticket = {}) {
    this.#writes += 1;
    this.#tell('saving');
    const step = this.#queue.then(async () => {
      try {
        const answer = await write(path, body);
        Object.assign(ticket, { saved: true, version: answer.classes ? answer.version : 0 });
        if (answer.classes) this.#adopt(answer);
        if (this.#writes === 1) await this.#readColumns();
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

  /** Resolves when nothing of this tab is on its way any more. */
  async idle() {
    while (this.#writes) await this.#queue;
  }

  /** Takes the state that came back with some other request. */
  async take(state) {
    this.#adopt(state);
    await this.#readColumns();
  }

  #adopt(state) {
    if (this.state && state.version < this.state.version) return;
    this.state = state;
    if (state.accuracy) this.history.set(state.accuracy.labels, state.accuracy);
    for (const labels of this.history.keys()) if (labels > state.labels) this.history.delete(labels);
    this.#tell('state');
  }

  async #readColumns() {
    const columns = parseColumns(await readBytes('/api/columns'));
    if (columns.version < this.columns.version) return;
    this.columns = columns;
    this.#settle();
  }

  /** Forgets the labels on their way that the columns hold by now. */
  #settle() {
    for (const [image, ticket] of this.#pending) if (ticket.version <= this.columns.version) this.#pending.delete(image);
    this.#tell('columns');
  }

  /** Reads again when the program is ahead of this page; not while changes of this tab are on their way. */
  #soon(version) {
    this.#wanted = Math.max(this.#wanted, version);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      if (this.#wanted <= this.columns.version) return;
      if (this.#writes) return this.#soon(0);
      this.#wanted = 0;
      await this.#refresh();
    }, QUIET_MILLISECONDS);
  }

  async #refresh() {
    try {
      this.#adopt(await read('/api/state'));
      await this.#readColumns();
    } catch (error) {
      if (error.status !== 0) this.#tell('failed', error);
    }
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
