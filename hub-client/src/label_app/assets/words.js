// Numbers and names in plain words.

const numbers = new Intl.NumberFormat('en');

export const count = (number) => numbers.format(number);

export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** A share as so many in a hundred; never 0 or 100 unless it is exactly that. */
export function inHundred(share) {
  const rounded = Math.round(share * 100);
  if (rounded === 100 && share < 1) return 99;
  if (rounded === 0 && share > 0) return 1;
  return rounded;
}

export function duration(seconds) {
  if (seconds < 60) return many(Math.max(1, Math.round(seconds)), 'second');
  if (seconds < 5400) return many(Math.round(seconds / 60), 'minute');
  return many(Math.round(seconds / 3600), 'hour');
}

export const fileName = (path = '') => path.slice(path.lastIndexOf('/') + 1);

/** `a`, `a and b`, `a, b and c`. */
export const listed = (words, last = 'and') =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;

const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** A name for the middle of a sentence: one that is read from the right is isolated, so that the words around it stay in order. */
export const within = (name) => (RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name);

/** The text with a capital at its beginning and a full stop at its end. */
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, '')}.` : '');

/** What the label of an image is, in words. */
export function labelWords(label) {
  if (label.kind === 'class') return `labelled ${within(label.name)}`;
  if (label.kind === 'skip') return 'set aside as not sure';
  if (label.kind === 'exclude') return 'left out';
  return 'no label yet';
}

/** What the computer answers, in words. */
export function answerWords(answer) {
  if (!answer) return 'no answer yet';
  const name = within(answer.name);
  if (answer.unlike) return `unlike anything you labelled; nearest is ${name}`;
  if (answer.unsure) return `not sure; perhaps ${name}`;
  return `${name}, ${inHundred(answer.probability)} in 100 sure`;
}

export const accuracyWords = (accuracy) =>
  accuracy ? `accuracy between ${inHundred(accuracy.from)} and ${inHundred(accuracy.to)} in 100` : 'no accuracy yet';

/** Why an image is suggested, in two or three words. */
export const REASONS = { typical: 'typical of many', uncertain: 'hard to tell', random: 'random check' };
