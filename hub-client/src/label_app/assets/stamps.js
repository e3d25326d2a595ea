// Draws many thousand small shapes quickly: each shape is painted once and then copied pixel by pixel.

import { shapePath } from './glyphs.js';

/** A shape as pixels: where they lie from its middle, their colours, how much they cover. */
export function makeStamp({ shape, radius, fill, stroke, halo, isHollow = false }) {
  const size = 2 * Math.ceil(radius + 3) + 1;
  const context = new OffscreenCanvas(size, size).getContext('2d', { willReadFrequently: true });
  const path = new Path2D(shapePath(shape));
  const scale = radius / 6.5;
  context.translate(size / 2, size / 2);
  context.scale(scale, scale);
  context.lineJoin = 'round';
  if (halo) {
    context.strokeStyle = halo;
    context.lineWidth = (isHollow ? 6 : 3.5) / scale ** 0.5;
    context.stroke(path);
  }
  context.fillStyle = isHollow ? halo : fill;
  context.fill(path);
  if (isHollow || stroke) {
    context.strokeStyle = isHollow ? fill : stroke;
    context.lineWidth = (isHollow ? 1.6 : 2.4) / scale;
    context.stroke(path);
  }
  return toPixels(context.getImageData(0, 0, size, size));
}

function toPixels({ data, width }) {
  const middle = (width - 1) / 2;
  const found = [];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 8) found.push([(at / 4) % width - middle, Math.floor(at / 4 / width) - middle, data[at], data[at + 1], data[at + 2], data[at + 3]]);
  }
  return { reach: middle, found };
}

/** A picture in memory onto which stamps are put; `show` paints it on the canvas. */
export class StampSheet {
  #margin = 16;
  #image = null;
  #pixels = null;
  #ready = new Map();

  /** Starts an empty sheet of this size in pixels. */
  clear(width, height) {
    const full = width + 2 * this.#margin;
    if (!this.#image || this.#image.width !== full || this.#image.height !== height + 2 * this.#margin) {
      this.#image = new ImageData(full, height + 2 * this.#margin);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
      this.#ready.clear();
    } else this.#pixels.fill(0);
  }

  /** Puts a stamp with its middle at `x`, `y`; outside of the sheet it is left out. */
  put(stamp, x, y) {
    const { width, height } = this.#image;
    const column = Math.round(x) + this.#margin;
    const row = Math.round(y) + this.#margin;
    const { reach } = stamp;
    if (column < reach || row < reach || column >= width - reach || row >= height - reach) return;
    const { offsets, colours, covers } = this.#prepared(stamp);
    const pixels = this.#pixels;
    const start = row * width + column;
    for (let at = 0; at < offsets.length; at += 1) {
      const place = start + offsets[at];
      pixels[place] = covers[at] > 240 || pixels[place] === 0 ? colours[at] : blend(pixels[place], colours[at], covers[at]);
    }
  }

  show(context) { context.putImageData(this.#image, -this.#margin, -this.#margin); }

  #prepared(stamp) {
    let prepared = this.#ready.get(stamp);
    if (!prepared) {
      const { width } = this.#image;
      prepared = {
        offsets: Int32Array.from(stamp.found, ([x, y]) => y * width + x),
        colours: Uint32Array.from(stamp.found, ([, , red, green, blue, cover]) => (cover << 24) | (blue << 16) | (green << 8) | red),
        covers: Uint8Array.from(stamp.found, ([, , , , , cover]) => cover),
      };
      this.#ready.set(stamp, prepared);
    }
    return prepared;
  }
}

/** The colour over what lies below, with the cover of the denser of both. */
function blend(below, above, cover) {
  const rest = 255 - cover;
  const mix = (shift) => ((((above >>> shift) & 255) * cover + ((below >>> shift) & 255) * rest) / 255) << shift;
  const alpha = Math.max(below >>> 24, cover);
  return ((alpha << 24) | mix(16) | mix(8) | mix(0)) >>> 0;
}
