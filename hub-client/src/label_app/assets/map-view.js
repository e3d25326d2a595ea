// <map-view>: every picture a point; near points look alike. Pan, zoom, lasso; pictures when one comes near.

import { inLayers, pointKinds, signOf } from './map-kinds.js';
import { eachFrame, fill, h, named, setText } from './dom.js';
import { colourName, glyph } from './glyphs.js';
import { Lens, PointIndex } from './plane.js';
import { followPointer } from './map-pointer.js';
import { selection } from './selection.js';
import { makeStamp, StampSheet } from './stamps.js';
import { store } from './store.js';
import { colour, themes } from './theme.js';
import { stateOf, thumb } from './tile.js';
import { fileName } from './words.js';

const MOST_PICTURES = 48;
const LANDMARK_PIXELS = 46;
/** From so many points on, each is drawn as plainly as can be. */
const CROWD = 20_000;

export class MapView extends HTMLElement {
  lens = new Lens();
  isLasso = false;
  #by = 'label';
  #withPictures = true;
  #sheet = new StampSheet();
  #stamps = [];
  #index = new PointIndex(new Float32Array(0), new Float32Array(0));
  #kinds = new Uint16Array(0);
  #layers = new Uint32Array(0);
  #hovered = -1;
  #lasso = [];
  #watch = new ResizeObserver(() => this.#resized());
  #stop = null;
  redraw = eachFrame(() => this.isConnected && this.#draw());

  connectedCallback() {
    this.points = h('canvas', { 'aria-hidden': 'true' });
    this.over = h('canvas', { 'aria-hidden': 'true' });
    this.pictures = h('div', { class: 'map-pictures', 'aria-hidden': 'true' });
    this.card = h('div', { class: 'map-card', hidden: true, 'aria-hidden': 'true' }, h('img', { alt: '' }), h('p', { class: 'file', dir: 'auto' }), h('p', { class: 'muted' }));
    fill(this, this.points, this.pictures, this.over, this.card);
    this.setAttribute('role', 'application');
    this.tabIndex = 0;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    for (const [target, event] of [[store, 'columns'], [selection, 'change'], [store, 'state']]) target.addEventListener(event, () => this.#changed(), { signal });
    themes.addEventListener('change', () => this.#restamp(), { signal });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#restamp(), { signal });
    followPointer(this, signal);
    this.#watch.observe(this);
    this.#resized();
    this.#changed();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#watch.disconnect();
  }

  set by(what) {
    this.#by = what;
    this.#changed();
  }

  set withPictures(on) {
    this.#withPictures = on;
    this.redraw();
  }

  get isEmpty() { return this.#index.count === 0; }

  /** The point under the pointer, or −1. */
  pointAt(x, y, reach = 12) {
    return this.#index.nearest(...this.lens.toPlane(x, y), reach / this.lens.scale);
  }

  /** The points in sight. */
  inSight() { return this.#index.within(...this.lens.bounds); }

  /** Goes to the nearest point in a direction. */
  step(across, down) {
    const from = selection.current;
    const { x } = store.columns;
    const to = from >= 0 && !Number.isNaN(x[from]) ? this.#index.towards(from, across, down) : this.#index.first;
    if (to < 0) return;
    selection.clear();
    selection.look(to);
    this.#keepInSight(to);
  }

  hover(point, x, y) {
    if (point !== this.#hovered) {
      this.#hovered = point;
      this.style.cursor = point >= 0 ? 'pointer' : this.isLasso ? 'crosshair' : 'grab';
      this.card.hidden = point < 0;
      if (point >= 0) {
        const [picture, name, words] = this.card.children;
        picture.src = thumb(point);
        setText(name, fileName(store.names[point]));
        setText(words, stateOf(point).aloud);
      }
      this.redraw();
    }
    if (point >= 0) {
      const left = x + 220 > this.lens.width ? x - 196 : x + 16;
      const top = Math.min(Math.max(8, y - 90), this.lens.height - 230);
      this.card.style.transform = `translate(${left}px, ${top}px)`;
    }
  }

  set lasso(line) {
    this.#lasso = line;
    this.redraw();
  }

  /** Chooses the points inside the lasso drawn on the screen. */
  closeLasso(line, isAdding) {
    this.lasso = [];
    if (line.length < 3) return;
    const found = this.#index.inside(line.map(([x, y]) => this.lens.toPlane(x, y)));
    if (isAdding) selection.add(found);
    else selection.replace(found);
  }

  /** Nearer or farther, about the current picture if it is in sight. */
  zoom(factor) {
    const { lens } = this;
    const { x, y } = store.columns;
    const [left, top] = lens.toScreen(x[selection.current], y[selection.current]);
    const isInSight = left > 0 && top > 0 && left < lens.width && top < lens.height;
    lens.zoomAt(isInSight ? left : lens.width / 2, isInSight ? top : lens.height / 2, factor);
    this.redraw();
  }

  fit(images) {
    this.lens.fit(images ?? [...store.columns.x.keys()], store.columns.x, store.columns.y);
    this.redraw();
  }

  #keepInSight(point) {
    const [x, y] = this.lens.toScreen(store.columns.x[point], store.columns.y[point]);
    if (x < 30 || y < 30 || x > this.lens.width - 30 || y > this.lens.height - 30) this.lens.middle = [store.columns.x[point], store.columns.y[point]];
    this.redraw();
  }

  #resized() {
    const { clientWidth: width, clientHeight: height } = this;
    if (!width || !height) return;
    Object.assign(this.lens, { width, height });
    this.density = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [this.points, this.over]) {
      canvas.width = Math.round(width * this.density);
      canvas.height = Math.round(height * this.density);
    }
    if (!this.lens.isMoved) this.fit();
    this.#restamp();
  }

  /** Points grow a little as one comes nearer, and shrink as they become many. */
  get #radius() {
    const many = Math.max(2.2, 7 - Math.log10(Math.max(10, this.#index.count)) * 0.95);
    return Math.min(9, many * this.lens.zoom ** 0.2) * this.density;
  }

  #restamp() {
    this.stampedRadius = this.#radius;
    this.#stamps = [];
    this.redraw();
  }

  /** The stamp of a kind; few of them are needed at a time. */
  #stampOf(kind) {
    const { sign, isChosen, isHollow } = signOf(kind);
    const isCrowd = this.#index.count > CROWD;
    const isKnown = sign >= 0;
    const radius = this.stampedRadius * (isChosen ? 1.15 : isKnown ? 1 : 0.62);
    const halo = isCrowd || isChosen ? '' : colour('--surface');
    const fill = colour(isKnown ? colourName(sign) : '--line-strong');
    return makeStamp({ shape: Math.max(0, sign), radius, fill, halo, stroke: isChosen ? colour('--ink') : undefined, isHollow: isHollow && !isCrowd });
  }

  #changed() {
    const { columns } = store;
    if (this.#index.x !== columns.x) {
      const isFirst = this.isEmpty;
      this.#index = new PointIndex(columns.x, columns.y);
      if (isFirst && !this.isEmpty && !this.lens.isMoved) this.fit();
    }
    if (Math.abs(this.#radius - this.stampedRadius) > 0.4) this.#restamp();
    this.#kinds = pointKinds(this.#by);
    this.#layers = inLayers(this.#kinds, columns.x);
    this.setAttribute('aria-label', `Map of ${this.#index.count} pictures; near points look alike. Arrow keys go to the nearest picture; the list shows the same`);
    this.redraw();
  }

  #draw() {
    // Without a size yet; it is drawn when it has one.
    if (!this.stampedRadius) return;
    if (Math.abs(this.#radius - this.stampedRadius) > 0.4) return this.#restamp();
    const { x, y } = store.columns;
    const { lens, density } = this;
    const { width, height } = this.points;
    this.#sheet.clear(width, height);
    const scale = lens.scale * density;
    const left = width / 2 - lens.middle[0] * scale;
    const top = height / 2 - lens.middle[1] * scale;
    const kinds = this.#kinds;
    for (const point of this.#layers) {
      const stamp = (this.#stamps[kinds[point]] ??= this.#stampOf(kinds[point]));
      this.#sheet.put(stamp, left + x[point] * scale, top + y[point] * scale);
    }
    this.#sheet.show(this.points.getContext('2d'));
    this.#drawOver();
    this.#drawPictures();
  }

  #drawOver() {
    const context = this.over.getContext('2d');
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, this.lens.width, this.lens.height);
    const accent = colour('--accent');
    const ring = (point, width) => {
      if (point < 0 || Number.isNaN(store.columns.x[point] ?? Number.NaN)) return;
      const [x, y] = this.lens.toScreen(store.columns.x[point], store.columns.y[point]);
      context.beginPath();
      context.arc(x, y, this.#radius / this.density + 5, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = accent;
      context.stroke();
    };
    ring(selection.current, 3);
    ring(this.#hovered, 1.5);
    if (this.#lasso.length < 2) return;
    context.beginPath();
    this.#lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
    context.globalAlpha = 0.12;
    context.fillStyle = accent;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.strokeStyle = accent;
    context.setLineDash([6, 4]);
    context.stroke();
    context.setLineDash([]);
  }

  /** Near enough, every point is a picture; from afar, the typical ones of the groups are. */
  #drawPictures() {
    const { x, y } = store.columns;
    let wanted = [];
    let isNear = false;
    if (this.#withPictures) {
      const seen = this.#index.within(...this.lens.bounds, MOST_PICTURES + 1);
      isNear = seen.length <= MOST_PICTURES && this.lens.zoom > 2;
      wanted = isNear ? seen.map((image) => [image, null]) : (store.state.groups ?? []).map(({ medoids, name }) => [medoids[0], name]);
    }
    wanted = clearOfEachOther(wanted.filter(([image]) => image !== undefined && !Number.isNaN(x[image])), (image) => this.lens.toScreen(x[image], y[image]));
    this.pictures.classList.toggle('near', isNear);
    while (this.pictures.children.length < wanted.length) this.pictures.append(h('figure', {}, h('img', { alt: '', draggable: 'false' }), h('figcaption')));
    [...this.pictures.children].forEach((figure, place) => {
      figure.hidden = place >= wanted.length;
      if (figure.hidden) return;
      const [image, name] = wanted[place];
      const [picture, caption] = figure.children;
      if (picture.getAttribute('src') !== thumb(image)) picture.src = thumb(image);
      if (caption.textContent !== (name ?? '')) {
        const index = store.classes.findIndex((one) => one.name === name);
        fill(caption, index >= 0 && glyph(index), name ? named(name) : null);
      }
      const [left, top] = this.lens.toScreen(x[image], y[image]);
      figure.style.transform = `translate(${Math.round(left - LANDMARK_PIXELS / 2)}px, ${Math.round(top)}px) translateY(${isNear ? '-50%' : '-100%'})`;
    });
  }
}

/** Leaves out pictures that would lie on another one. */
function clearOfEachOther(wanted, toScreen) {
  const kept = [];
  for (const one of wanted) {
    const [x, y] = toScreen(one[0]);
    if (kept.every(([left, top]) => Math.abs(left - x) > LANDMARK_PIXELS || Math.abs(top - y) > LANDMARK_PIXELS + 14)) kept.push([x, y, one]);
  }
  return kept.map(([, , one]) => one);
}

customElements.define('map-view', MapView);
