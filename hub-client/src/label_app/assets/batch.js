// The few suggestions on the table. They keep still while they are worked through; then the best new ones come.

import { NO_LABEL } from './columns.js';
import { store } from './store.js';

export const BATCH_SIZE = 8;

class Batch extends EventTarget {
  #reasons = new Map();

  get images() { return [...this.#reasons.keys()]; }

  /** `{ reason, words }` of a suggestion on the table, else null. */
  of(image) { return this.#reasons.get(image) ?? null; }

  reasonOf(image) { return this.#reasons.get(image)?.reason ?? ''; }

  /** A random check shows no answer until it has a label: a person who saw the answer would check nothing. */
  isHidden(image) { return this.reasonOf(image) === 'random' && store.labelOf(image).kind === 'none'; }

  get isDone() { return this.images.every((image) => store.labelOf(image).kind !== 'none'); }

  /** Whether the program could fill a batch that this one does not. */
  get isShort() {
    return this.#reasons.size < BATCH_SIZE && (store.state?.suggestions.length ?? 0) > this.#left.length;
  }

  get #left() { return this.images.filter((image) => store.labelOf(image).kind === 'none'); }

  /** Puts the best suggestions of now on the table, but not `kept`: its answer may have been seen, so it can be no random check. */
  renew(kept = -1) {
    const fresh = (store.state?.suggestions ?? [])
      .filter(({ image }) => image !== kept && store.columns.label[image] === NO_LABEL && store.labelOf(image).kind === 'none')
      .slice(0, BATCH_SIZE);
    this.#reasons = new Map(fresh.map(({ image, reason, words }) => [image, { reason, words }]));
    this.dispatchEvent(new Event('change'));
  }
}

export const batch = new Batch();
