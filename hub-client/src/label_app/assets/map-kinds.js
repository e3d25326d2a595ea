// Which shape and colour each point of the map has, and which lie on top.

import { batch } from './batch.js';
import { DOUBT, EXCLUDED, NO_ANSWER, NO_GROUP } from './columns.js';
import { selection } from './selection.js';
import { store } from './store.js';

export const SHAPES = 10;

/** Places in the list of stamps: nothing known, labels, answers, then the chosen ones of each. */
export const KINDS = { none: 0, label: 1, answer: 1 + SHAPES, chosen: 1 + 2 * SHAPES };

/** The kind of each image, by what the map shows: `label`, `answer` or `group`. */
export function pointKinds(by) {
  const { label, answer, group, doubt, count } = store.columns;
  const kinds = new Uint8Array(count);
  for (let image = 0; image < count; image += 1) {
    if (by === 'group') kinds[image] = group[image] === NO_GROUP ? KINDS.none : KINDS.label + (group[image] % SHAPES);
    else if (label[image] < EXCLUDED) kinds[image] = KINDS.label + (label[image] % SHAPES);
    else if (by === 'answer' && answer[image] !== NO_ANSWER && !(doubt[image] & DOUBT.unlike)) kinds[image] = KINDS.answer + (answer[image] % SHAPES);
  }
  // A random check shows no answer here either.
  if (by === 'answer') for (const image of batch.images) if (batch.isHidden(image)) kinds[image] = KINDS.none;
  if (by !== 'group') {
    for (const [image, { index }] of store.pendingLabels()) kinds[image] = index < 0 ? KINDS.none : KINDS.label + (index % SHAPES);
  }
  for (const image of selection.images()) {
    const kind = kinds[image];
    kinds[image] = kind === KINDS.none ? KINDS.chosen : KINDS.chosen + 1 + ((kind - 1) % SHAPES);
  }
  return kinds;
}

/** Points that have a place, from the bottom to the top: unknown, answers, labels, chosen. */
export function inLayers(kinds, x) {
  const layers = [[], [], [], []];
  for (let point = 0; point < kinds.length; point += 1) {
    if (!Number.isNaN(x[point])) layers[layerOf(kinds[point])].push(point);
  }
  return Uint32Array.from(layers.flat());
}

const layerOf = (kind) => (kind >= KINDS.chosen ? 3 : kind === KINDS.none ? 0 : kind >= KINDS.answer ? 1 : 2);
