// Which shape and colour each point of the map has, and which lie on top.

import { batch } from './batch.js';
import { DOUBT, EXCLUDED, NO_ANSWER, NO_GROUP } from './columns.js';
import { SIGNS } from './glyphs.js';
import { selection } from './selection.js';
import { store } from './store.js';

/** Places in the list of stamps: nothing known, labels, answers, then the chosen ones of each. */
export const KINDS = { none: 0, label: 1, answer: 1 + SIGNS, chosen: 1 + 2 * SIGNS };

/** The kind of each image, by what the map shows: `label`, `answer` or `group`. */
export function pointKinds(by) {
  const { label, answer, group, doubt, count } = store.columns;
  const kinds = new Uint16Array(count);
  for (let image = 0; image < count; image += 1) {
    if (by === 'group') kinds[image] = group[image] === NO_GROUP ? KINDS.none : KINDS.label + (group[image] % SIGNS);
    else if (label[image] < EXCLUDED) kinds[image] = KINDS.label + (label[image] % SIGNS);
    else if (by === 'answer' && answer[image] !== NO_ANSWER && !(doubt[image] & DOUBT.unlike)) kinds[image] = KINDS.answer + (answer[image] % SIGNS);
  }
  // A random check shows no answer here either.
  if (by === 'answer') for (const image of batch.images) if (batch.isHidden(image)) kinds[image] = KINDS.none;
  if (by !== 'group') {
    for (const [image, { index }] of store.pendingLabels()) kinds[image] = index < 0 ? KINDS.none : KINDS.label + (index % SIGNS);
  }
  for (const image of selection.images()) {
    const kind = kinds[image];
    kinds[image] = kind === KINDS.none ? KINDS.chosen : KINDS.chosen + 1 + ((kind - 1) % SIGNS);
  }
  return kinds;
}

/** The sign of a kind, −1 where nothing is known, and how it is drawn. */
export function signOf(kind) {
  if (kind >= KINDS.chosen) return { sign: kind - KINDS.chosen - 1, isChosen: true, isHollow: false };
  return { sign: kind === KINDS.none ? -1 : (kind - 1) % SIGNS, isChosen: false, isHollow: kind >= KINDS.answer };
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
