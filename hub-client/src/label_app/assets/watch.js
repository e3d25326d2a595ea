// A custom element that draws itself again, at most once a frame, when something it shows has changed.

import { eachFrame } from './dom.js';

/** Subclasses have `sources()` (pairs of target and event), `build()` once, and `draw()`. */
export class Watcher extends HTMLElement {
  #stop = null;
  redraw = eachFrame(() => this.isConnected && this.draw());

  connectedCallback() {
    this.#stop = new AbortController();
    this.signal = this.#stop.signal;
    if (!this.isBuilt) {
      this.isBuilt = true;
      this.build();
    }
    for (const [target, event] of this.sources()) target.addEventListener(event, this.redraw, { signal: this.signal });
    this.draw();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.left?.();
  }

  sources() { return []; }
  build() {}
  draw() {}
}
