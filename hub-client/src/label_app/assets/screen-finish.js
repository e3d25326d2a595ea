// <finish-screen>: save it, take it with you, and the exact commands that use it.

import { openDialog, closeButton } from './dialog.js';
import { makeDrop } from './drop.js';
import { fill, h, isOff, setText, switchOff } from './dom.js';
import { icon } from './glyphs.js';
import { failed, say, tell, toast } from './live.js';
import { readFile } from './server.js';
import { store } from './store.js';
import { Watcher } from './watch.js';
import { count, inHundred, many } from './words.js';

const DOWNLOADS = [
  ['answers.csv', 'Answers for every picture', 'A table: file, answer, how sure'],
  ['labels.csv', 'Your labels', 'A table: file, label'],
  ['report.html', 'Report', 'One page to print or send on; it shows some of your pictures'],
  ['image.onnx', 'Picture to answer, in one file', 'ONNX, for other programs'],
  ['head.onnx', 'Only what you taught it', 'ONNX, small; needs the extractor'],
];

const FORGET = 'delete all labels';

class FinishScreen extends Watcher {
  #saved = null;

  sources() { return [[store, 'state']]; }

  build() {
    this.name = h('input', { type: 'text', id: 'head-name', value: store.state.head ?? '', placeholder: 'border-check', autocomplete: 'off', spellcheck: 'false' });
    this.save = h('button', { type: 'submit', class: 'primary' }, 'Save');
    this.again = h('p', { class: 'muted small' }, 'Small letters, digits, - and _. Saved again, the name gets a new version; earlier ones stay.');
    this.form = h('form', { class: 'row', onsubmit: (event) => this.#save(event) }, h('label', { for: 'head-name', class: 'unseen' }, 'Name'), this.name, this.save);
    this.why = h('p', { hidden: true }, 'This is a demo: its extractor is made on the spot and of no hub, so nothing is saved on it. Install one with ', h('code', {}, 'hub pull'), ' in a terminal and take it on the screen ', h('a', { href: '#compare' }, 'Compare'), ': your labels stay, and you can save.');
    this.summary = h('p', { class: 'lead' });
    this.use = h('div', { class: 'stack' });
    this.checked = h('p', { class: 'checked', role: 'status' });
    fill(this, h('div', { class: 'page' },
      h('h1', {}, 'Finish'), this.summary,
      h('div', { class: 'finish-columns' },
        h('section', { class: 'card stack' },
          h('h2', {}, 'Save it under a name'),
          this.again, this.form, this.why,
          this.use),
        h('section', { class: 'card stack' },
          h('h2', {}, 'Take it with you'),
          h('ul', { class: 'downloads' }, DOWNLOADS.map(([file, title, words]) =>
            h('li', {}, h('button', { type: 'button', 'data-file': file, onclick: (event) => this.#download(file, event.currentTarget) }, icon('drop'), h('span', {}, h('span', { class: 'number' }, title), h('span', { class: 'muted small' }, words)))))),
          this.checked),
        h('section', { class: 'card stack' },
          h('h2', {}, 'Labels from elsewhere'),
          makeDrop('Take in labels', (file) => this.#import(file), { accept: '.csv,text/csv', detail: 'A CSV file with the columns path and label' })),
        h('section', { class: 'card stack' },
          h('h2', {}, 'Delete all labels'),
          h('p', { class: 'muted small' }, 'The labels of this folder are deleted from the disk. Saved versions and your pictures stay.'),
          h('button', { type: 'button', class: 'danger', onclick: confirmForget }, 'Delete all labels…')))));
  }

  draw() {
    const { accuracy, labels, classes, demo } = store.state;
    const audit = accuracy?.audit;
    setText(this.summary, accuracy
      ? `Between ${inHundred(accuracy.from)} and ${inHundred(accuracy.to)} of 100 new pictures would be answered right, judging by ${many(labels, 'label')} in ${many(classes.length, 'class', 'classes')}${audit.checked ? ` and ${many(audit.checked, 'random check')}, of which ${audit.right} were right` : ''}.`
      : 'Two labels of each class are needed before something can be saved.');
    // What is learnt on the demo's own extractor is nothing that other programs could use without it.
    this.form.hidden = demo;
    this.again.hidden = demo;
    this.why.hidden = !demo;
    this.save.disabled = !accuracy;
    for (const button of this.querySelectorAll('.downloads button')) button.disabled = (!accuracy && button.dataset.file !== 'labels.csv') || (demo && button.dataset.file === 'head.onnx');
  }

  focusFirst() { this.name.focus(); }

  async #save(event) {
    event.preventDefault();
    const saved = await store.change('/api/save', { name: this.name.value.trim() });
    if (!saved) return;
    this.#saved = saved;
    say(`Saved as ${saved.head}, version ${saved.version}`);
    fill(this.use,
      h('p', { class: 'good' }, icon('check'), h('span', {}, 'Saved as ', h('strong', {}, saved.head), `, version ${saved.version}`)),
      h('p', { class: 'muted small' }, h('code', {}, saved.path)),
      h('h3', {}, 'How to use it, in a terminal'),
      saved.commands.map(({ words, line }) => h('div', {}, h('p', { class: 'small' }, words), h('div', { class: 'command' }, h('code', {}, line),
        h('button', { type: 'button', class: 'icon quiet', 'aria-label': `Copy ${line}`, title: 'Copy', onclick: () => copy(line) }, icon('copy'))))));
  }

  async #download(file, button) {
    if (isOff(button)) return;
    switchOff(button, true);
    try {
      const { blob, checked } = await readFile(`/api/download/${file}`);
      const link = h('a', { href: URL.createObjectURL(blob), download: file });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      setText(this.checked, checked ? `${file}: ${checked}` : `${file} is in your downloads`);
    } catch (error) {
      failed(error);
    } finally {
      switchOff(button, false);
    }
  }

  async #import(file) {
    const answer = await store.importLabels(file);
    if (!answer) return;
    const unknown = answer.unknown.length ? `${many(answer.unknown.length, 'file')} not found here, such as ${answer.unknown[0]}` : '';
    toast(`${count(answer.taken)} labels taken in`, { hint: unknown });
  }
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  tell('Copied');
}

function confirmForget() {
  const field = h('input', { type: 'text', autocomplete: 'off', 'aria-label': `Type ${FORGET}`, oninput: () => { go.disabled = field.value.trim() !== FORGET; } });
  const go = h('button', { type: 'submit', class: 'danger', disabled: true }, 'Delete');
  const dialog = openDialog('Delete all labels?', h('form', { class: 'stack', onsubmit: async (event) => {
    event.preventDefault();
    dialog.close();
    if (await store.change('/api/forget', { really: FORGET })) toast('All labels are deleted');
  } },
  h('p', {}, `${many(store.state.labels, 'label')} would be gone; this cannot be undone. Type `, h('strong', {}, FORGET), ' to go on.'),
  h('div', { class: 'row' }, field, go)), closeButton());
  field.focus();
}

customElements.define('finish-screen', FinishScreen);
