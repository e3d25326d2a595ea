// The binary columns: one typed array for each thing known of every image.

export const NO_LABEL = 255;
export const SKIPPED = 254;
export const EXCLUDED = 253;
export const NO_ANSWER = 255;
export const NO_GROUP = 65535;

/** Bits of the column `doubt`. */
export const DOUBT = { unsure: 1, unlike: 2, waiting: 4, failed: 8, suspect: 16 };

const MAGIC = 0x4c424c31;
const HEADER_BYTES = 16;

/** Reads what `/api/columns` sends. Throws when it is anything else. */
export function parseColumns(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) throw new Error('these are no columns');
  const count = view.getUint32(4, true);
  const version = Number(view.getBigUint64(8, true));
  let offset = HEADER_BYTES;
  const take = (Type) => {
    const bytes = count * Type.BYTES_PER_ELEMENT;
    if (offset + bytes > buffer.byteLength) throw new Error('the columns are cut off');
    const aligned = offset % Type.BYTES_PER_ELEMENT === 0;
    const column = aligned ? new Type(buffer, offset, count) : new Type(buffer.slice(offset, offset + bytes));
    offset += bytes;
    return column;
  };
  const [label, answer, doubt, probability] = [0, 0, 0, 0].map(() => take(Uint8Array));
  offset = Math.ceil(offset / 4) * 4;
  const [margin, unlike, far, x, y] = [0, 0, 0, 0, 0].map(() => take(Float32Array));
  const group = take(Uint16Array);
  const order = take(Uint32Array);
  return { count, version, label, answer, doubt, probability, margin, unlike, far, x, y, group, order };
}

/**
 * The columns with the numbers that the classes `before` have in the list `now`. A class whose place another name has taken was
 * renamed. What has no number any more has no label and no answer until new columns come.
 */
export function renumbered(columns, before, now) {
  const places = before.map((name, place) => {
    const found = now.indexOf(name);
    const isRenamed = found < 0 && before.length === now.length && !before.includes(now[place]);
    return isRenamed ? place : found;
  });
  const moved = (column, none) => column.map((code) => (code >= EXCLUDED ? code : (places[code] ?? -1) < 0 ? none : places[code]));
  return { ...columns, label: moved(columns.label, NO_LABEL), answer: moved(columns.answer, NO_ANSWER) };
}

/** Columns of images nothing is known of yet. */
export function emptyColumns(count) {
  const bytes = (value) => new Uint8Array(count).fill(value);
  const floats = () => new Float32Array(count).fill(Number.NaN);
  return {
    count, version: 0,
    label: bytes(NO_LABEL), answer: bytes(NO_ANSWER), doubt: bytes(DOUBT.waiting), probability: bytes(0),
    margin: floats(), unlike: floats(), far: floats(), x: floats(), y: floats(),
    group: new Uint16Array(count).fill(NO_GROUP), order: Uint32Array.from({ length: count }, (_, index) => index),
  };
}
