// Renames, moves and removes a class.

import { closeButton, openDialog } from './dialog.js';
import { h } from './dom.js';
import { store } from './store.js';
import { within } from './words.js';

export function openClassDialog(name) {
  const field = h('input', { type: 'text', id: 'class-name', value: name, autocomplete: 'off' });
  const one = store.classes.find((other) => other.name === name);
  const names = store.classes.map((other) => other.name);
  const place = names.indexOf(name);
  const move = (by) => {
    names.splice(place, 1);
    names.splice(place + by, 0, name);
    dialog.close();
    store.change('/api/classes', { order: names });
  };
  const button = (words, isOff, act, style = '') => h('button', { type: 'button', class: style, disabled: isOff, onclick: act }, words);
  const dialog = openDialog(`Class ${within(name)}`,
    h('form', { class: 'stack', onsubmit: (event) => {
      event.preventDefault();
      const wanted = field.value.trim();
      dialog.close();
      if (wanted && wanted !== name) store.change('/api/classes', { rename: [name, wanted] });
    } },
    h('label', { for: 'class-name' }, 'Name'),
    h('div', { class: 'row' }, field, h('button', { type: 'submit', class: 'primary' }, 'Rename'))),
    h('div', { class: 'row' },
      button('Move up', place <= 0, () => move(-1)),
      button('Move down', place === names.length - 1, () => move(1)),
      button('Remove', one.labels > 0, () => {
        dialog.close();
        store.change('/api/classes', { remove: name });
      }, 'danger')),
    one.labels > 0 && h('p', { class: 'muted small' }, 'A class can be removed when none of its pictures has its label any more.'),
    closeButton());
  field.select();
}
