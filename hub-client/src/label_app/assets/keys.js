// Keys and what they do. Each can be changed or, all together, switched off.

const KEPT = 'hub-label-keys';

/** Every command with its keys as made; `help` is what the list of keys says. */
export const COMMANDS = [
  { id: 'skip', keys: ['0', '-'], help: 'Not sure: set it aside' },
  { id: 'exclude', keys: ['x'], help: 'None of these: leave it out' },
  { id: 'clear', keys: ['Backspace', 'Delete'], help: 'Take the label away' },
  { id: 'accept', keys: ['Enter'], help: 'Accept the computer’s answer' },
  { id: 'name', keys: ['l', '+'], help: 'Type a class: its first letters, or a new name' },
  { id: 'zoom', keys: [' '], help: 'Enlarge the picture' },
  { id: 'undo', keys: ['u'], help: 'Undo (also Ctrl Z)' },
  { id: 'redo', keys: ['r'], help: 'Do again (also Ctrl Shift Z)' },
  { id: 'label', keys: ['h'], help: 'Label' },
  { id: 'map', keys: ['m'], help: 'Map' },
  { id: 'groups', keys: ['g', 'c'], help: 'Groups' },
  { id: 'odd', keys: ['o'], help: 'Odd ones' },
  { id: 'alike', keys: ['n'], help: 'Look-alikes of this picture' },
  { id: 'suspects', keys: ['e'], help: 'Labels that look wrong' },
  { id: 'keep', keys: ['k'], help: 'Keep the label that looked wrong' },
  { id: 'try', keys: ['t'], help: 'Try a picture of your own' },
  { id: 'search', keys: ['/'], help: 'Find a file by its name' },
  { id: 'help', keys: ['?'], help: 'This list' },
];

const kept = JSON.parse(localStorage.getItem(KEPT) ?? '{}');
let changed = kept.changed ?? {};
let isOn = kept.isOn ?? true;

export const keysAreOn = () => isOn;
export const keysOf = (id) => (changed[id] ? [changed[id]] : COMMANDS.find((one) => one.id === id).keys);
export const keyName = (key) => ({ ' ': 'Space', Backspace: '⌫', Delete: 'Del' })[key] ?? key;

export function switchKeys(on) {
  isOn = on;
  keep();
}

/** Gives a command another key; a command that had it loses it to this one. */
export function changeKey(id, key) {
  for (const other of COMMANDS) if (other.id !== id && changed[other.id] === key) delete changed[other.id];
  changed[id] = key;
  keep();
}

export function resetKeys() {
  changed = {};
  keep();
}

const keep = () => localStorage.setItem(KEPT, JSON.stringify({ changed, isOn }));

/** What a key press asks for: `{ id, … }`, or null when it is none of ours. */
export function commandOf(event) {
  const { key } = event;
  const plain = latin(event);
  const withControl = event.ctrlKey || event.metaKey;
  if (withControl && plain === 'z') return { id: event.shiftKey ? 'redo' : 'undo' };
  if (withControl && plain === 'y') return { id: 'redo' };
  if (withControl && plain === 'a') return { id: 'all' };
  if (withControl && key === ' ') return { id: 'toggle' };
  if (withControl || event.altKey) return null;
  const move = MOVES[key];
  if (move) return { id: 'move', move, isExtending: event.shiftKey };
  if (key === 'Escape') return { id: 'escape' };
  if (!isOn && key !== 'Enter' && key !== ' ') return null;
  if (event.shiftKey && /^\p{L}$/u.test(key)) return { id: 'name', typed: key.toLowerCase() };
  const other = Object.keys(changed).find((id) => changed[id] === lower(key));
  if (other) return { id: other, typed: '' };
  if (/^[1-9]$/.test(plain)) return { id: 'class', index: Number(plain) - 1 };
  const command = COMMANDS.find(({ id, keys }) => !changed[id] && keys.includes(plain))?.id;
  if (command) return { id: command, typed: '' };
  return /^\p{L}$/u.test(key) ? { id: 'name', typed: lower(key) } : null;
}

/** With the capitals locked a letter without Shift is a capital. */
const lower = (key) => (key.length === 1 ? key.toLowerCase() : key);

/** What a key gives where digits need no Shift and letters are Latin: by its place, where the keyboard is another (French, Greek, …). */
function latin({ key, code = '', shiftKey }) {
  const [, digit, letter] = /^(?:Digit(\d)|Key([A-Z]))$/.exec(code) ?? [];
  if (key.length !== 1) return key;
  if (digit && !shiftKey) return digit;
  return letter && /^\p{L}$/u.test(key) && !/^\p{Script=Latin}$/u.test(key) ? letter.toLowerCase() : lower(key);
}

const MOVES = {
  ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down',
  Home: 'first', End: 'last', PageUp: 'page-up', PageDown: 'page-down',
};
