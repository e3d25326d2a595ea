// What is said aloud, and the short messages that come and go.

import { h } from './dom.js';

const STAY_MILLISECONDS = 8000;

/** Has a screen reader say something, also twice the same. */
export function say(text) {
  const live = document.getElementById('live');
  live.textContent = '';
  requestAnimationFrame(() => { live.textContent = text; });
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
