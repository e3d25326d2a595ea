// Points on a plane: which is nearest, which lie inside a lasso, and where they are on the screen.

const CELLS = 96;
const MOST_ZOOM = 200;
const EDGE_PIXELS = 56;
const TOOLS_PIXELS = 48;

/** Finds points quickly by cells. `x`, `y` in −1 to 1; NaN where a point has no place yet. */
export class PointIndex {
  constructor(x, y) {
    this.x = x;
    this.y = y;
    const starts = new Uint32Array(CELLS * CELLS + 1);
    for (let point = 0; point < x.length; point += 1) if (this.#has(point)) starts[cellOf(x[point], y[point]) + 1] += 1;
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) starts[cell + 1] += starts[cell];
    this.count = starts[CELLS * CELLS];
    this.#items = new Uint32Array(this.count);
    const next = starts.slice();
    for (let point = 0; point < x.length; point += 1) if (this.#has(point)) this.#items[next[cellOf(x[point], y[point])]++] = point;
    this.#starts = starts;
  }

  #items;
  #starts;
  #has(point) { return !Number.isNaN(this.x[point]); }

  /** The nearest point at most `reach` away, or −1. */
  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    this.#around(x - reach, y - reach, x + reach, y + reach, (point) => {
      const distance = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
      if (distance <= least) [best, least] = [point, distance];
    });
    return best;
  }

  /** Points in a rectangle; `limit` ends the search early. */
  within(left, top, right, bottom, limit = Infinity) {
    const found = [];
    this.#around(left, top, right, bottom, (point) => {
      if (this.x[point] >= left && this.x[point] <= right && this.y[point] >= top && this.y[point] <= bottom) found.push(point);
      return found.length < limit;
    });
    return found;
  }

  /** Points inside a closed line of `[x, y]`. */
  inside(line) {
    const [xs, ys] = [line.map(([x]) => x), line.map(([, y]) => y)];
    const near = this.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
    return near.filter((point) => isInside(this.x[point], this.y[point], line));
  }

  /** The nearest point in a direction: `across` and `down` are −1, 0 or 1. */
  towards(from, across, down) {
    let best = from;
    let least = Infinity;
    for (const point of this.#items) {
      const along = (this.x[point] - this.x[from]) * across + (this.y[point] - this.y[from]) * down;
      const aside = Math.abs((this.x[point] - this.x[from]) * down) + Math.abs((this.y[point] - this.y[from]) * across);
      const distance = along + 2 * aside;
      if (along > 0 && aside <= along && distance < least && point !== from) [best, least] = [point, distance];
    }
    return best;
  }

  get first() { return this.count ? this.#items[0] : -1; }

  #around(left, top, right, bottom, visit) {
    const [firstColumn, lastColumn, firstRow, lastRow] = [place(left), place(right), place(top), place(bottom)];
    for (let row = firstRow; row <= lastRow; row += 1) {
      for (let at = this.#starts[row * CELLS + firstColumn]; at < this.#starts[row * CELLS + lastColumn + 1]; at += 1) {
        if (visit(this.#items[at]) === false) return;
      }
    }
  }
}

const place = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(((value + 1) / 2) * CELLS)));
const cellOf = (x, y) => place(y) * CELLS + place(x);

/** Even-odd rule. */
function isInside(x, y, line) {
  let inside = false;
  for (let at = 0, before = line.length - 1; at < line.length; before = at, at += 1) {
    const [x1, y1] = line[at];
    const [x2, y2] = line[before];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}

/** What part of the plane is seen: `zoom` 1 shows all of it. */
export class Lens {
  zoom = 1;
  middle = [0, 0];
  width = 1;
  height = 1;
  /** Whether a person has chosen what is seen. */
  isMoved = false;

  get scale() { return (Math.min(this.width, this.height) / 2 - 28) * this.zoom; }
  toScreen(x, y) { return [this.width / 2 + (x - this.middle[0]) * this.scale, this.height / 2 + (y - this.middle[1]) * this.scale]; }
  toPlane(x, y) { return [(x - this.width / 2) / this.scale + this.middle[0], (y - this.height / 2) / this.scale + this.middle[1]]; }

  /** Zooms so that what is under the pointer stays there. */
  zoomAt(x, y, factor) {
    this.isMoved = true;
    const before = this.toPlane(x, y);
    this.zoom = Math.min(MOST_ZOOM, Math.max(0.5, this.zoom * factor));
    const after = this.toPlane(x, y);
    this.middle = [this.middle[0] + before[0] - after[0], this.middle[1] + before[1] - after[1]];
  }

  pan(across, down) {
    this.isMoved = true;
    this.middle = [this.middle[0] - across / this.scale, this.middle[1] - down / this.scale];
  }

  /** Shows all of these points, with room for the buttons at the right and for pictures above points. */
  fit(points, xs, ys) {
    const known = points.filter((point) => !Number.isNaN(xs[point]));
    if (!known.length) return;
    const bounds = (values) => known.reduce(([low, high], point) => [Math.min(low, values[point]), Math.max(high, values[point])], [Infinity, -Infinity]);
    const [[left, right], [top, bottom]] = [bounds(xs), bounds(ys)];
    const [across, down] = [Math.max(1, this.width - 2 * EDGE_PIXELS - TOOLS_PIXELS), Math.max(1, this.height - 2 * EDGE_PIXELS)];
    const wanted = Math.min(across / Math.max(0.05, right - left), down / Math.max(0.05, bottom - top));
    this.zoom = Math.min(MOST_ZOOM, Math.max(0.5, (this.zoom * wanted) / this.scale));
    this.middle = [(left + right) / 2 + TOOLS_PIXELS / 2 / this.scale, (top + bottom) / 2];
  }

  /** The seen rectangle: left, top, right, bottom. */
  get bounds() { return [...this.toPlane(0, 0), ...this.toPlane(this.width, this.height)]; }
}
