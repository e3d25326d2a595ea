// The only door to the program behind this page. Everything stays on this computer.

const AGAIN_MILLISECONDS = 2000;
const SESSION = 'X-Hub-Session';

/** Which start of the program this page belongs to; what it changes names it. */
let session = '';
let leave = () => {};

/** Sets what changes name, and what is done when the program turns out to be another one. */
export function belongTo(name, left) {
  session = name;
  leave = left;
}

/** An answer that is no success: what failed, and what to do. */
export class ServerError extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? (status ? `The program answered ${status}` : 'The program does not answer'));
    this.status = status;
    this.code = body?.error?.code ?? 'unreachable';
    this.hint = body?.error?.hint ?? '';
  }
}

/** JSON from a path. */
export const read = async (path) => (await request(path)).json();

/** Bytes from a path. */
export const readBytes = async (path) => (await request(path)).arrayBuffer();

/** Sends a change; the answer is JSON. */
export const write = async (path, body = {}) =>
  (await request(path, changing('application/json', JSON.stringify(body)))).json();

/** Sends the bytes of a file that was dropped or chosen; they are looked at and forgotten. */
export const send = async (path, file, type = file.type) =>
  (await request(path, changing(type || 'application/octet-stream', file))).json();

const changing = (type, body) => ({ method: 'POST', headers: { 'Content-Type': type, [SESSION]: session }, body });

/** All relative paths in index order, and a token that changes when the folder does. */
export async function readNames() {
  const answer = await request('/api/names');
  const token = (answer.headers.get('ETag') ?? '0').replace(/^W\//, '').replaceAll('"', '').replace(/[^\w.-]/g, '');
  return { names: await answer.json(), token: token || '0' };
}

/** Fetches a file that is made on demand; gives it and what the program says of its check. */
export async function readFile(path) {
  const answer = await request(path);
  return { blob: await answer.blob(), checked: answer.headers.get('X-Hub-Checked') ?? '' };
}

/** Calls `changed({ version, learnt })` whenever something changed, in this tab or in another. */
export function listen(changed, lost, found) {
  const events = new EventSource('/api/events');
  events.addEventListener('state', (event) => {
    const said = JSON.parse(event.data);
    if (said.session === session) changed(said);
    else leave();
  });
  events.addEventListener('open', found);
  events.addEventListener('error', () => {
    lost();
    // Refused: by a program that was started anew, and may let this browser in later.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => listen(changed, lost, found), AGAIN_MILLISECONDS);
  });
}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new ServerError(0);
  }
  if (answer.ok) return answer;
  if (answer.status === 409 && answer.headers.has(SESSION)) {
    leave();
    return new Promise(() => {});
  }
  throw new ServerError(answer.status, await answer.json().catch(() => null));
}
