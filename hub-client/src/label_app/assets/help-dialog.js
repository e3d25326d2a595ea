// The list of keys, where each can be changed.

import { closeButton, openDialog } from './dialog.js';
import { fill, h } from './dom.js';
import { key } from './glyphs.js';
import { changeKey, COMMANDS, keyName, keysAreOn, keysOf, resetKeys, switchKeys } from './keys.js';

const FIXED = [
  [['1', '…', '9'], 'Label with the first to ninth class'],
  [['Shift', 'a…z'], 'Type a class by its first letters'],
  [['←', '→', '↑', '↓'], 'Move'],
  [['Shift', '←→↑↓'], 'Choose several'],
  [['Ctrl', 'Space'], 'Choose this one too'],
  [['Ctrl', 'A'], 'Choose all'],
  [['Esc'], 'Choose none; close'],
];

export function openHelp() {
  const table = h('dl', { class: 'keys' });
  const on = h('input', { type: 'checkbox', id: 'keys-on', checked: keysAreOn(), onchange: () => switchKeys(on.checked) });
  const draw = () => fill(table,
    FIXED.map(([keys, words]) => h('div', {}, h('dt', {}, keys.map(key)), h('dd', {}, words))),
    COMMANDS.map(({ id, help }) => {
      const change = h('button', { class: 'small quiet', type: 'button', 'aria-label': `Change the key for: ${help}`, onclick: () => listen(change, id, draw) }, 'change');
      return h('div', {}, h('dt', {}, keysOf(id).map((one) => key(keyName(one)))), h('dd', {}, help, change));
    }));
  draw();
  openDialog('Keys',
    h('p', { class: 'muted' }, 'Label a picture by its class’s number. What you do to one picture you can do to many: choose them first.'),
    h('div', { class: 'row' }, on, h('label', { for: 'keys-on' }, 'Single keys act on pictures'),
      h('button', { class: 'small', type: 'button', onclick: () => { resetKeys(); draw(); } }, 'Keys as they were')),
    table, closeButton()).classList.add('wide');
}

/** Keys that only change what another one means. */
const MODIFIERS = ['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'CapsLock'];

function listen(button, id, done) {
  button.textContent = 'press a key';
  const stop = new AbortController();
  button.addEventListener('blur', () => {
    stop.abort();
    button.textContent = 'change';
  }, { signal: stop.signal });
  button.addEventListener('keydown', (event) => {
    if (event.key === 'Tab' || MODIFIERS.includes(event.key)) return;
    stop.abort();
    event.preventDefault();
    event.stopPropagation();
    const isPlain = event.key.length === 1 && !/[1-9]/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isPlain) changeKey(id, event.key.toLowerCase());
    done();
    document.querySelector(`[aria-label="${CSS.escape(button.getAttribute('aria-label'))}"]`)?.focus();
  }, { signal: stop.signal });
}
