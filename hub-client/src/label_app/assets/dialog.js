// Dialogs: in front of everything, closed by Escape, and the focus goes back to where it was.

import { h } from './dom.js';
import { icon } from './glyphs.js';

let numbers = 0;

/** Opens a dialog with this title; it is gone from the document when closed. */
export function openDialog(title, ...content) {
  const id = `dialog-${(numbers += 1)}`;
  const dialog = h('dialog', { 'aria-labelledby': id }, h('h2', { id }, title), content);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** The cross in the corner of a dialog. */
export const closeButton = (words = 'Close') =>
  h('button', { class: 'icon quiet dialog-close', type: 'button', 'aria-label': words, onclick: (event) => event.target.closest('dialog').close() }, icon('close'));
