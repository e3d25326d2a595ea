// Mouse, pen and fingers on the map: drag to pan, wheel or two fingers to zoom, lasso, press.

import { selection } from './selection.js';

const STILL_PIXELS = 4;
const LASSO_STEP_PIXELS = 5;

export function followPointer(map, signal) {
  const fingers = new Map();
  let start = null;
  let line = null;
  let spread = 0;

  const at = (event) => {
    const box = map.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  map.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    map.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    spread = 0;
    start = { at: at(event), moved: false };
    line = (map.isLasso || event.shiftKey) && fingers.size === 1 ? [at(event)] : null;
  }, { signal });

  map.addEventListener('pointermove', (event) => {
    const [x, y] = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) return map.hover(map.pointAt(x, y), x, y);
    fingers.set(event.pointerId, [x, y]);
    if (Math.hypot(x - start.at[0], y - start.at[1]) > STILL_PIXELS) start.moved = true;
    if (fingers.size === 2) pinch();
    else if (line) {
      const last = line.at(-1);
      if (Math.hypot(x - last[0], y - last[1]) >= LASSO_STEP_PIXELS) line.push([x, y]);
      map.lasso = line;
    } else if (start.moved) {
      map.lens.pan(x - before[0], y - before[1]);
      map.hover(-1, x, y);
      map.redraw();
    }
  }, { signal });

  function pinch() {
    line = null;
    map.lasso = [];
    const [[x1, y1], [x2, y2]] = [...fingers.values()];
    const now = Math.hypot(x1 - x2, y1 - y2);
    if (spread) map.lens.zoomAt((x1 + x2) / 2, (y1 + y2) / 2, now / spread);
    spread = now;
    map.redraw();
  }

  const ended = (event) => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    if (line && start.moved) map.closeLasso(line, event.shiftKey);
    else if (!start.moved && event.type === 'pointerup') press(event);
    line = null;
    map.lasso = [];
  };
  map.addEventListener('pointerup', ended, { signal });
  map.addEventListener('pointercancel', ended, { signal });
  map.addEventListener('pointerleave', () => fingers.size || map.hover(-1, 0, 0), { signal });

  function press(event) {
    const point = map.pointAt(...at(event));
    if (point < 0) return selection.clear();
    if (event.ctrlKey || event.metaKey || event.shiftKey) return selection.toggle(point);
    selection.clear();
    selection.look(point);
  }

  map.addEventListener('dblclick', (event) => {
    const point = map.pointAt(...at(event));
    if (point >= 0) map.dispatchEvent(new CustomEvent('open', { detail: point, bubbles: true }));
  }, { signal });

  map.addEventListener('wheel', (event) => {
    event.preventDefault();
    map.lens.zoomAt(...at(event), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)));
    map.redraw();
  }, { signal, passive: false });
}
