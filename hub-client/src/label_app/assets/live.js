// What is said aloud, and the short messages that come and go.

import { h } from './dom.js';

const STAY_MILLISECONDS = 8000;
const FLASH_MILLISECONDS = 3500;

/** Has a screen reader say something, also twice the same. */
export function say(text) {
  const live = document.getElementById('live');
  live.textContent = '';
  requestAnimationFrame(() => { live.textContent = text; });
}

/** Shows a few words for a moment, below those that are there. Who listens is told by `say`. */
export function flash(text) {
  const toasts = document.getElementById('toasts');
  toasts.querySelector('.flash')?.remove();
  const message = h('p', { class: 'toast flash', 'aria-hidden': 'true' }, text);
  toasts.append(message);
  setTimeout(() => message.remove(), FLASH_MILLISECONDS);
}

/** Says and shows why nothing happened. */
export function tell(text) {
  say(text);
  flash(text);
}

/** Shows a message. Errors stay until they are closed. */
export function toast(text, { isError = false, hint = '' } = {}) {
  const close = h('button', { class: 'quiet small', type: 'button', onclick: () => message.remove() }, 'Close');
  const message = h('div', { class: isError ? 'toast error' : 'toast', role: isError ? 'alert' : 'status' },
    h('p', {}, text, hint && h('span', { class: 'hint' }, hint)), close);
  const toasts = document.getElementById('toasts');
  while (toasts.children.length > 2) toasts.firstChild.remove();
  toasts.append(message);
  if (!isError) setTimeout(() => message.remove(), STAY_MILLISECONDS);
}

export const failed = (error) => toast(error.message, { isError: true, hint: error.hint });
