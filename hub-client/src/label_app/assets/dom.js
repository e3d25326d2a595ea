// Makes elements. Text is only ever set as text, so no file name can become markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes, properties (`on…` are listeners) and children; `null` and `false` are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  assign(element, attributes);
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  assign(element, attributes);
  element.append(...children.flat().filter(Boolean));
  return element;
}

/** A name that a person gave, in its own direction of writing; a long one may break anywhere. */
export const named = (name) => h('bdi', {}, name);

/** Replaces all children. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child != null && child !== false));
  return parent;
}

/** Sets text without touching the document when it is the same already. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Switches a button off without taking the focus from it, as `disabled` would. */
export const switchOff = (button, isOff) => button.setAttribute('aria-disabled', String(isOff));
export const isOff = (button) => button.getAttribute('aria-disabled') === 'true';

/**
 * Draws a list anew and keeps the focus: on the same control of the item with the same `data-NAME`. Gives the value of the item
 * that had the focus and is gone, else null.
 */
export function redrawn(list, name, draw) {
  const held = list.contains(document.activeElement) ? document.activeElement.closest(`[data-${name}]`) : null;
  const place = held ? controlsOf(held).indexOf(document.activeElement) : -1;
  draw();
  if (!held) return null;
  const value = held.dataset[name];
  const item = list.querySelector(`[data-${name}="${CSS.escape(value)}"]`);
  if (!item) return value;
  const controls = controlsOf(item);
  (controls[place] ?? controls[0])?.focus();
  return null;
}

const controlsOf = (item) => [...item.querySelectorAll('button, a')];

function assign(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'hidden') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
}

/** Runs `draw` at most once a frame however often the returned function is called. */
export function eachFrame(draw) {
  let waiting = 0;
  return () => {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      draw();
    });
  };
}
