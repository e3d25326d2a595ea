// Which images a view shows, and in what order.

import { batch } from './batch.js';
import { DOUBT, EXCLUDED, NO_ANSWER, NO_GROUP, NO_LABEL, SKIPPED } from './columns.js';

export const SORTS = {
  next: 'What to label next',
  doubt: 'Least sure first',
  odd: 'Oddest first',
  group: 'By group',
  name: 'By file name',
};

/** The filters that do not depend on the classes. */
export const FILTERS = {
  all: 'All pictures',
  open: 'Without a label',
  labelled: 'With a label',
  differ: 'Label and answer differ',
  unsure: 'Answer not sure',
  unlike: 'Unlike what you labelled',
  skipped: 'Set aside as not sure',
  excluded: 'Left out',
  failed: 'Cannot be read',
};

/** Indices of the images that pass filter and search, sorted; the images of `first` come before all others. */
export function arrange(store, { sort = 'next', filter = 'open', search = '', first = [] }) {
  const { columns, names } = store;
  const passes = test(columns, filter);
  const wanted = comparable(search.trim());
  const isFound = (image) => !wanted || comparable(names[image]).includes(wanted);
  const ahead = new Set(first.filter(isFound));
  const found = [];
  for (let image = 0; image < columns.count; image += 1) {
    if (!ahead.has(image) && passes(image) && isFound(image)) found.push(image);
  }
  return [...ahead, ...sorted(found, columns, sort)];
}

/** Small letters; an accent is part of its letter, also where the file's name has it behind (macOS). */
const comparable = (text) => text.normalize('NFC').toLowerCase();

function test({ label, answer, doubt }, filter) {
  const isLabel = (code) => code < EXCLUDED;
  if (filter.startsWith('label:')) return (image) => label[image] === Number(filter.slice(6));
  // Who is to say first what a random check shows must not find it by its answer.
  const isShown = (image) => !batch.isHidden(image);
  if (filter.startsWith('answer:')) return (image) => answer[image] === Number(filter.slice(7)) && isShown(image);
  return {
    all: () => true,
    open: (image) => label[image] === NO_LABEL && !(doubt[image] & DOUBT.failed),
    labelled: (image) => isLabel(label[image]),
    differ: (image) => isLabel(label[image]) && answer[image] !== NO_ANSWER && answer[image] !== label[image],
    unsure: (image) => (doubt[image] & DOUBT.unsure) !== 0 && isShown(image),
    unlike: (image) => (doubt[image] & DOUBT.unlike) !== 0 && isShown(image),
    skipped: (image) => label[image] === SKIPPED,
    excluded: (image) => label[image] === EXCLUDED,
    failed: (image) => (doubt[image] & DOUBT.failed) !== 0,
  }[filter];
}

function sorted(images, columns, sort) {
  if (sort === 'name') return images;
  if (sort === 'next') return byRank(images, columns.order);
  const { margin, unlike, group } = columns;
  const last = (value, otherwise) => (Number.isNaN(value) ? otherwise : value);
  const compare = {
    doubt: (a, b) => last(margin[a], Infinity) - last(margin[b], Infinity) || a - b,
    odd: (a, b) => last(unlike[b], -Infinity) - last(unlike[a], -Infinity) || a - b,
    group: (a, b) => group[a] - group[b] || last(unlike[a], Infinity) - last(unlike[b], Infinity) || a - b,
  }[sort];
  return images.sort((a, b) => compare(a, b) || 0);
}

/** Ranks are a permutation, so no comparing is needed. */
function byRank(images, order) {
  const places = new Int32Array(order.length).fill(-1);
  for (const image of images) if (order[image] < places.length) places[order[image]] = image;
  const ranked = [];
  for (const image of places) if (image >= 0) ranked.push(image);
  return ranked.length === images.length ? ranked : images.sort((a, b) => order[a] - order[b] || a - b);
}

/** The members of a group, most typical first. */
export const members = (columns, group) =>
  sorted(Array.from(columns.group.keys()).filter((image) => columns.group[image] === group && group !== NO_GROUP), columns, 'group');

