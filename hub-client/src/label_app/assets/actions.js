// What a person can do to images: label, set aside, leave out, accept, undo. Buttons, keys and drags all come here.

import { batch } from './batch.js';
import { flash, say, tell } from './live.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { accuracyWords, count, fileName, labelWords, many } from './words.js';

/** Events: `labelled`, after which the view may move on to the next image; `undone`, after which it shows what has no label again. */
export const actions = new EventTarget();

/** Gives the chosen images (or the current one) the class of this place, counted from 0. */
export function labelWith(index) {
  const one = store.classes[index];
  if (one) labelAs(one.name);
  else tell(store.classes.length ? `No class has the number ${index + 1} yet` : 'Name a class first');
}

/** The same by name; a new name makes a new class. */
export function labelAs(name, images = selection.targets()) {
  return change(images, { class: name.trim() });
}

export const skip = (images = selection.targets()) => change(images, { mark: 'skip' });
export const exclude = (images = selection.targets()) => change(images, { mark: 'exclude' });
export const clearLabel = (images = selection.targets()) => change(images, { class: null });

/** Says yes to what the computer answers. A random check is answered by the person first, or it would check nothing. */
export function accept(images = selection.targets()) {
  const byName = new Map();
  for (const image of images) {
    if (batch.isHidden(image)) return tell('This is a random check: say yourself what it is');
    const answer = store.answerOf(image);
    if (!answer || store.labelOf(image).kind !== 'none') continue;
    byName.set(answer.name, [...(byName.get(answer.name) ?? []), image]);
  }
  if (!byName.size) return tell('There is no answer to accept here');
  for (const [name, group] of byName) change(group, { class: name });
}

export const undo = () => step('undo', 'Nothing to undo', 'Undone');
export const redo = () => step('redo', 'Nothing to redo', 'Done again');

/** Takes its turn at once: what is labelled after it is not what it is about. */
async function step(what, nothing, done) {
  const answer = await store.step(what);
  if (answer === null) return;
  if (answer.isNothing) return tell(nothing);
  const { images } = answer;
  if (images.length) flash(`${done}: ${images.length === 1 ? fileName(store.names[images[0]]) : many(images.length, 'picture')}`);
  if (what === 'undo') actions.dispatchEvent(new CustomEvent('undone', { detail: { images } }));
  await store.settled();
  say(`${done}. ${many(store.state.labels, 'label')}, ${accuracyWords(store.state.accuracy)}`);
}

let newest = 0;

async function change(images, what) {
  if (!images.length) return tell('Choose a picture first');
  const isCheck = (image) => batch.reasonOf(image) === 'random' && store.labelOf(image).kind === 'none';
  const sent = store.label(images, what, 'class' in what && what.class !== null ? images.filter(isCheck) : []);
  const isMany = selection.size > 0;
  const place = placeOf(images[0]);
  selection.clear();
  actions.dispatchEvent(new CustomEvent('labelled', { detail: { images, isMany } }));
  const turn = (newest += 1);
  if ((await sent) === null) return;
  // Who labels faster than the computer learns hears what was labelled, and the accuracy in the end.
  if (turn === newest) await store.settled();
  const words = labelWords(store.labelOf(images[0]));
  const which = images.length === 1 ? `${place} ${words}` : `${count(images.length)} pictures ${words}`;
  say(turn === newest ? `${which}, ${accuracyWords(store.state.accuracy)}` : which);
}

/** `picture 7 of 40` in the grid that is shown, else the file's path. */
function placeOf(image) {
  const indices = document.querySelector('.screen image-grid:not([hidden])')?.indices ?? [];
  const place = indices.indexOf(image);
  return place < 0 ? store.names[image] : `picture ${count(place + 1)} of ${count(indices.length)}`;
}
