// One selection for all views: which images are chosen, and which one is looked at.

class Selection extends EventTarget {
  /** The image that keys act on when nothing is chosen; -1 for none. */
  current = -1;
  #chosen = new Set();
  #anchor = -1;

  get size() { return this.#chosen.size; }
  has(image) { return this.#chosen.has(image); }
  images() { return [...this.#chosen]; }

  /** What an action is about: the chosen images, or else the current one. */
  targets() { return this.size ? this.images() : this.current >= 0 ? [this.current] : []; }

  /** Looks at an image; what is chosen stays. */
  look(image) {
    if (this.current === image) return;
    this.current = image;
    if (!this.size) this.#anchor = image;
    this.#changed('current');
  }

  toggle(image) {
    if (!this.#chosen.delete(image)) this.#chosen.add(image);
    this.#anchor = image;
    this.current = image;
    this.#changed('chosen');
  }

  /** Chooses everything between the anchor and `image` in the order of the view. */
  extend(image, order) {
    const from = order.indexOf(this.#anchor < 0 ? image : this.#anchor);
    const to = order.indexOf(image);
    if (to < 0) return;
    const [low, high] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
    this.#chosen = new Set(order.slice(low, high + 1));
    this.current = image;
    this.#changed('chosen');
  }

  replace(images) {
    this.#chosen = new Set(images);
    this.#changed('chosen');
  }

  add(images) {
    for (const image of images) this.#chosen.add(image);
    this.#changed('chosen');
  }

  clear() {
    if (!this.size) return;
    this.#chosen.clear();
    this.#anchor = this.current;
    this.#changed('chosen');
  }

  #changed(what) { this.dispatchEvent(new CustomEvent('change', { detail: what })); }
}

export const selection = new Selection();
