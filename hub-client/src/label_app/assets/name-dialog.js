// Types a class: its first letters, or the name of a new one.

import { labelAs } from './actions.js';
import { closeButton, openDialog } from './dialog.js';
import { fill, h, named } from './dom.js';
import { glyph } from './glyphs.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { many } from './words.js';

const LIST = 'class-matches';

/** Labels the chosen images with what is typed; `typed` is what was typed already. */
export function openNameDialog(typed = '', images = selection.targets()) {
  const list = h('ul', { id: LIST, role: 'listbox', class: 'matches', 'aria-label': 'Classes' });
  const field = h('input', {
    type: 'text', value: typed, role: 'combobox', 'aria-controls': LIST, 'aria-expanded': 'true', 'aria-autocomplete': 'list',
    'aria-label': 'First letters of a class', autocomplete: 'off', placeholder: 'First letters, or a new name',
  });
  let matches = [];
  let place = 0;
  const take = (name) => {
    dialog.close();
    labelAs(name, images);
  };
  const draw = () => {
    matches = matching(field.value);
    place = Math.min(place, Math.max(0, matches.length - 1));
    fill(list, matches.map(({ name, index }, number) => {
      const option = h('li', { id: `${LIST}-${number}`, role: 'option', 'aria-selected': String(number === place), onclick: () => take(name) },
        index < 0 ? 'New class ' : glyph(index), h('span', { class: 'number' }, named(name)));
      return option;
    }));
    field.setAttribute('aria-activedescendant', matches.length ? `${LIST}-${place}` : '');
  };
  const dialog = openDialog(`Label ${many(images.length, 'picture')} as`, h('form', { class: 'stack', onsubmit: (event) => {
    event.preventDefault();
    if (matches[place]) take(matches[place].name);
  } }, field, list), closeButton());
  field.addEventListener('input', () => {
    place = 0;
    draw();
  });
  field.addEventListener('keydown', (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !matches.length) return;
    event.preventDefault();
    place = (place + by + matches.length) % matches.length;
    draw();
  });
  draw();
  field.focus();
  field.setSelectionRange(typed.length, typed.length);
}

/** Classes that begin with the text, then those that hold it, then a new one. */
function matching(text) {
  const wanted = text.trim().toLowerCase();
  const all = store.classes.map(({ name }, index) => ({ name, index }));
  const begin = all.filter(({ name }) => name.toLowerCase().startsWith(wanted));
  const hold = all.filter((one) => !begin.includes(one) && one.name.toLowerCase().includes(wanted));
  const found = [...begin, ...hold];
  if (wanted && !all.some(({ name }) => name.toLowerCase() === wanted)) found.push({ name: text.trim(), index: -1 });
  return found;
}
