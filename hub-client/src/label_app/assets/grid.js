// <image-grid>: thousands of pictures, of which only those in sight exist as elements.

import { eachFrame, h } from './dom.js';
import { selection } from './selection.js';
import { store } from './store.js';
import { makeTile } from './tile.js';
import { batch } from './batch.js';

const CAPTION_PIXELS = 30;
const GAP_PIXELS = 12;
const ROWS_BEYOND = 2;
const SETTLE_MILLISECONDS = 90;

/** Set `indices` and it shows them. Events: `open` (detail: image) for an enlarged look. */
export class ImageGrid extends HTMLElement {
  #indices = [];
  #rows = new Map();
  #spare = [];
  #shape = { columns: 1, tile: 150, row: 190 };
  #sheet = h('div', { class: 'sheet', role: 'presentation' });
  #draw = eachFrame(() => this.#render());
  #settled = 0;
  #lastTop = 0;
  #isFast = false;
  #watch = new ResizeObserver(() => this.#measure());
  #stop = new AbortController();

  connectedCallback() {
    this.setAttribute('role', 'grid');
    this.setAttribute('aria-multiselectable', 'true');
    if (!this.hasAttribute('aria-label')) this.setAttribute('aria-label', 'Pictures');
    this.append(this.#sheet);
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.addEventListener('scroll', () => this.#scrolled(), { passive: true, signal });
    this.addEventListener('click', (event) => this.#clicked(event), { signal });
    this.addEventListener('dblclick', (event) => this.#opened(event), { signal });
    this.addEventListener('dragstart', (event) => this.#dragged(event), { signal });
    this.addEventListener('focusin', (event) => this.#focused(event), { signal });
    store.addEventListener('columns', this.#draw, { signal });
    store.addEventListener('state', this.#draw, { signal });
    batch.addEventListener('change', this.#draw, { signal });
    selection.addEventListener('change', this.#draw, { signal });
    this.#watch.observe(this);
    this.#measure();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#watch.disconnect();
    clearTimeout(this.#settled);
  }

  get indices() { return this.#indices; }
  set indices(images) {
    this.#indices = images;
    this.#measure();
  }

  get columnCount() { return this.#shape.columns; }

  /** Where the current image is in this grid; the first one if it is not here. */
  get position() { return Math.max(0, this.#indices.indexOf(selection.current)); }

  /** Moves the current image by so many places; with `extends` everything on the way is chosen. */
  move(places, { isExtending = false } = {}) {
    if (!this.#indices.length) return;
    const from = this.#indices.indexOf(selection.current);
    const to = from < 0 ? 0 : Math.min(this.#indices.length - 1, Math.max(0, from + places));
    const image = this.#indices[to];
    if (isExtending) selection.extend(image, this.#indices);
    else {
      selection.clear();
      selection.look(image);
    }
    this.reveal(to, true);
  }

  /** Scrolls as little as needed to show a place, and puts the focus there. */
  reveal(place, withFocus = false) {
    const row = Math.floor(place / this.#shape.columns);
    const top = row * this.#shape.row;
    const bottom = top + this.#shape.row;
    if (top < this.scrollTop) this.scrollTop = top;
    else if (bottom > this.scrollTop + this.clientHeight) this.scrollTop = bottom - this.clientHeight + GAP_PIXELS;
    this.#render();
    if (withFocus) this.#tileAt(place)?.element.focus({ preventScroll: true });
  }

  #measure() {
    const style = getComputedStyle(this);
    const width = this.clientWidth - Number.parseFloat(style.paddingLeft);
    if (!(width > 0)) return;
    const wished = Number.parseFloat(style.getPropertyValue('--tile')) || 150;
    const columns = Math.max(1, Math.floor(width / (wished + GAP_PIXELS)));
    const tile = Math.floor(width / columns) - GAP_PIXELS;
    if (columns !== this.#shape.columns) this.#recycle(0, -1);
    this.#shape = { columns, tile, row: tile + CAPTION_PIXELS + GAP_PIXELS };
    const rows = Math.ceil(this.#indices.length / columns);
    this.#sheet.style.height = `${rows * this.#shape.row + GAP_PIXELS}px`;
    this.style.setProperty('--tile-now', `${tile}px`);
    this.setAttribute('aria-rowcount', rows);
    this.setAttribute('aria-colcount', columns);
    this.#draw();
  }

  #scrolled() {
    this.#isFast = Math.abs(this.scrollTop - this.#lastTop) > this.clientHeight;
    this.#lastTop = this.scrollTop;
    clearTimeout(this.#settled);
    if (this.#isFast) {
      this.#settled = setTimeout(() => {
        this.#isFast = false;
        this.#draw();
      }, SETTLE_MILLISECONDS);
    }
    this.#draw();
  }

  #render() {
    if (!this.isConnected) return;
    const { columns, row } = this.#shape;
    const rows = Math.ceil(this.#indices.length / columns);
    const first = Math.max(0, Math.floor(this.scrollTop / row) - ROWS_BEYOND);
    const last = Math.min(rows - 1, Math.ceil((this.scrollTop + this.clientHeight) / row) + ROWS_BEYOND);
    const held = this.contains(document.activeElement) ? document.activeElement : null;
    const heldImage = held?.dataset?.image;
    this.#recycle(first, last);
    const stop = this.#indices.includes(selection.current) ? selection.current : this.#indices[0];
    for (let number = first; number <= last; number += 1) this.#renderRow(number, stop);
    if (held && held.dataset.image !== heldImage) this.querySelector(`[data-image="${heldImage}"]`)?.focus({ preventScroll: true });
  }

  #renderRow(number, stop) {
    const { columns, row: pitch } = this.#shape;
    let row = this.#rows.get(number);
    if (!row) {
      row = this.#spare.pop() ?? this.#makeRow();
      row.element.style.transform = `translateY(${number * pitch + GAP_PIXELS}px)`;
      row.element.setAttribute('aria-rowindex', number + 1);
      row.element.hidden = false;
      this.#rows.set(number, row);
      if (!row.element.isConnected) this.#sheet.append(row.element);
    } else row.element.style.transform = `translateY(${number * pitch + GAP_PIXELS}px)`;
    while (row.tiles.length < columns) {
      const tile = makeTile();
      row.tiles.push(tile);
      row.element.append(tile.element);
    }
    row.tiles.forEach((tile, column) => {
      const image = column < columns ? this.#indices[number * columns + column] : undefined;
      tile.element.hidden = image === undefined;
      if (image === undefined) return;
      tile.element.setAttribute('aria-colindex', column + 1);
      tile.update(image, {
        isCurrent: image === selection.current, isChosen: selection.has(image), isTabStop: image === stop, canLoad: !this.#isFast,
      });
    });
  }

  #makeRow() { return { element: h('div', { class: 'tile-row', role: 'row' }), tiles: [] }; }

  #recycle(first, last) {
    for (const [number, row] of this.#rows) {
      if (number >= first && number <= last) continue;
      row.element.hidden = true;
      this.#rows.delete(number);
      this.#spare.push(row);
    }
  }

  #tileAt(place) {
    const row = this.#rows.get(Math.floor(place / this.#shape.columns));
    return row?.tiles[place % this.#shape.columns];
  }

  #imageOf(event) {
    const tile = event.target.closest?.('.tile');
    return tile ? Number(tile.dataset.image) : -1;
  }

  #clicked(event) {
    const image = this.#imageOf(event);
    if (image < 0) return;
    if (event.shiftKey) selection.extend(image, this.#indices);
    else if (event.ctrlKey || event.metaKey || event.target.closest('.tick')) selection.toggle(image);
    else {
      selection.clear();
      selection.look(image);
    }
  }

  #opened(event) {
    const image = this.#imageOf(event);
    if (image >= 0) this.dispatchEvent(new CustomEvent('open', { detail: image, bubbles: true }));
  }

  #focused(event) {
    const image = this.#imageOf(event);
    if (image >= 0 && event.target.matches(':focus-visible')) selection.look(image);
  }

  #dragged(event) {
    const image = this.#imageOf(event);
    if (image < 0) return;
    if (!selection.has(image)) {
      selection.clear();
      selection.look(image);
    }
    event.dataTransfer.setData('application/x-hub-images', JSON.stringify(selection.targets()));
    event.dataTransfer.effectAllowed = 'link';
  }
}

customElements.define('image-grid', ImageGrid);
