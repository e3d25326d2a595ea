// A shape and a colour for each class, so that colour is never the only sign; and the line icons.

import { h, svg } from './dom.js';

/** Paths in a square from −7 to 7. */
const SHAPES = [
  'M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z',
  'M-5.4-5.4H5.4V5.4H-5.4Z',
  'M0-6.6L6.6 5.2H-6.6Z',
  'M0-7L7 0L0 7L-7 0Z',
  'M-2.2-6.4H2.2V-2.2H6.4V2.2H2.2V6.4H-2.2V2.2H-6.4V-2.2H-2.2Z',
  'M0-6.8L1.9-2.3L6.7-2L3 1.2L4.2 6L0 3.4L-4.2 6L-3 1.2L-6.7-2L-1.9-2.3Z',
  'M0 6.6L6.6-5.2H-6.6Z',
  'M-3.4-5.9H3.4L6.8 0L3.4 5.9H-3.4L-6.8 0Z',
  'M-6.2-3.4L-3.4-6.2L0-2.8L3.4-6.2L6.2-3.4L2.8 0L6.2 3.4L3.4 6.2L0 2.8L-3.4 6.2L-6.2 3.4L-2.8 0Z',
  'M-6.4-3H6.4V3H-6.4Z',
];

const COLOURS = 10;

/** So many signs differ: each ten have all shapes, and others than the ten before them in each colour. */
export const SIGNS = SHAPES.length * COLOURS;

export const shapePath = (index) => SHAPES[index % SHAPES.length];
export const colourName = (index) => `--class-${(index + 3 * Math.floor(index / SHAPES.length)) % COLOURS}`;

/** The shape of a class: filled for what a person said, hollow for what the computer answers. */
export function glyph(index, isHollow = false) {
  const path = svg('path', { d: shapePath(index), 'stroke-width': isHollow ? 1.75 : 0, 'stroke-linejoin': 'round' });
  const colour = `var(${colourName(index)})`;
  path.style.fill = isHollow ? 'none' : colour;
  path.style.stroke = colour;
  return svg('svg', { class: 'glyph', viewBox: '-7.5 -7.5 15 15', 'aria-hidden': 'true' }, path);
}

const LINES = {
  undo: 'M8 5L4 9l4 4M4 9h9a5 5 0 0 1 0 10H9',
  redo: 'M16 5l4 4-4 4M20 9h-9a5 5 0 0 0 0 10h4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z',
  half: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 3v18M12 8h6.5M12 12h8.8M12 16h7',
  help: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.5 9.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7M12 16.8v.1',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  more: 'M12 5.5v.1M12 12v.1M12 18.5v.1',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5',
  drop: 'M12 4v10M8 10.5l4 4 4-4M4.5 17v2.5h15V17',
  lasso: 'M12 4.5c5 0 8.5 2 8.5 5s-3.5 5-8.5 5-8.5-2-8.5-5 3.5-5 8.5-5M7 14c-1.5 1-1.5 3 .5 3.5s2 1.5 1 3',
  hand: 'M12 3v18M3 12h18M12 3L9.5 5.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5',
  fit: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  lock: 'M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  before: 'M19 12H5M11 6l-6 6 6 6',
  next: 'M5 12h14M13 6l6 6-6 6',
  copy: 'M9 9h11v11H9ZM15 9V4H4v11h5',
};

/** A line icon; what it means is said by the button around it. */
export const icon = (name) =>
  svg('svg', { class: 'icon-line', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: LINES[name] }));

/** A key as it is printed on a keyboard. */
export const key = (text) => h('kbd', { class: 'key' }, text);
