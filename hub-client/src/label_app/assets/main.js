// Starts the page: shell, screens by the address's hash, keys.

import './theme.js';
import './grid.js';
import { actions, accept, clearLabel, exclude, labelWith, redo, skip, undo } from './actions.js';
import { openHelp } from './help-dialog.js';
import { commandOf } from './keys.js';
import { failed, tell, toast } from './live.js';
import { openNameDialog } from './name-dialog.js';
import { preview } from './preview.js';
import { screenOf, show, SCREENS } from './router.js';
import { selection } from './selection.js';
import { store, wasLoadedAgain } from './store.js';
import { fillShell, showNothing } from './shell.js';

/** What a key may do again and again while it is held down: no label, or it would go to a row of pictures. */
const REPEATED = ['move', 'undo', 'redo'];

async function start() {
  store.addEventListener('failed', (event) => failed(event.detail));
  store.addEventListener('extractor', () => toast(`${store.state.extractor} looks at your pictures now.`, { hint: 'Your labels stay; what the computer says of them comes anew.' }));
  document.querySelector('.skip-link').addEventListener('click', skipTo);
  for (const name of ['dragover', 'drop']) addEventListener(name, keepPage);
  try {
    await store.start();
  } catch (error) {
    return showNothing(error);
  }
  fillShell();
  addEventListener('hashchange', () => show());
  addEventListener('beforeunload', (event) => { if (store.saving && !store.isLeaving) event.preventDefault(); });
  document.addEventListener('keydown', pressed);
  document.addEventListener('open', (event) => preview.open(event.detail));
  if (!location.hash) location.replace(store.classes.length < 2 && !store.state.labels ? '#start' : '#label');
  show();
  if (wasLoadedAgain()) toast('The program was started anew, so this page has loaded itself again.', { hint: 'What was shown as saved is here; say the last thing again if it is not.' });
}

function pressed(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const { target, key } = event;
  if (target.closest('input, select, textarea, [contenteditable]')) return;
  if (target.closest('dialog:not(#preview)')) return;
  if ((key === 'Enter' || key === ' ') && target.closest('button, a, summary, label')) {
    if (event.repeat) event.preventDefault();
    return;
  }
  const command = commandOf(event);
  if (!command) return;
  if ((event.repeat && !REPEATED.includes(command.id)) || run(command)) event.preventDefault();
}

/** The link's own address would name another screen. */
function skipTo(event) {
  event.preventDefault();
  document.getElementById('screen').focus();
}

/** A file that is dropped beside a place for files would take the place of this page. */
function keepPage(event) {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = 'none';
}

/** Does what a key asks for; says whether it did. */
function run(command) {
  const screen = screenOf();
  if (screen?.command?.(command)) return true;
  const simple = {
    class: () => labelWith(command.index),
    skip: () => skip(),
    exclude: () => exclude(),
    clear: () => clearLabel(),
    accept: () => accept(),
    undo: () => undo(),
    redo: () => redo(),
    name: () => selection.targets().length ? openNameDialog(command.typed ?? '') : tell('Choose a picture first'),
    zoom: () => preview.toggle(selection.current >= 0 ? selection.current : screen?.grid?.indices[0]),
    help: () => openHelp(),
    try: () => { location.hash = '#check/try'; },
    search: () => {
      const field = document.querySelector('input[type="search"]');
      // Another address would build the screen anew, and what is typed meanwhile would be lost.
      if (field) field.focus();
      else location.hash = '#label/search';
    },
    alike: () => { location.hash = selection.current >= 0 ? `#alike/${selection.current}` : '#alike'; },
    escape: () => preview.isOpen ? preview.close() : selection.clear(),
  }[command.id];
  if (simple) {
    simple();
    return true;
  }
  if (command.id in SCREENS) {
    location.hash = `#${command.id}`;
    return true;
  }
  return screen?.grid ? inGrid(screen.grid, command) : false;
}

function inGrid(grid, { id, move, isExtending }) {
  if (id === 'all') selection.replace(grid.indices);
  else if (id === 'toggle' && selection.current >= 0) selection.toggle(selection.current);
  else if (id === 'move') {
    const screenful = Math.max(1, Math.floor(grid.clientHeight / 180)) * grid.columnCount;
    const places = {
      left: -1, right: 1, up: -grid.columnCount, down: grid.columnCount,
      first: -Infinity, last: Infinity, 'page-up': -screenful, 'page-down': screenful,
    }[move];
    grid.move(places, { isExtending });
  } else return false;
  return true;
}

/** Goes back to what was undone, where it is shown: most often it gets another label at once. */
function undone({ images }) {
  const screen = screenOf();
  screen.undone?.(images);
  const about = new Set(images);
  const shown = screen.grid?.indices.filter((image) => about.has(image)) ?? [];
  if (!shown.length) return;
  const { grid } = screen;
  selection.clear();
  selection.look(shown[0]);
  if (shown.length > 1) selection.replace(shown);
  grid.reveal(grid.position, grid.contains(document.activeElement) || document.activeElement === document.body);
}

actions.addEventListener('labelled', (event) => screenOf()?.labelled?.(event.detail));
actions.addEventListener('undone', (event) => undone(event.detail));
start();
