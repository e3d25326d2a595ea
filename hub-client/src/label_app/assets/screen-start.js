// <start-screen>: three sentences, the names of the classes, and whose pictures these are.

import { addClassForm } from './class-list.js';
import { fill, h, named, setText } from './dom.js';
import { glyph, icon } from './glyphs.js';
import { openClassDialog } from './class-dialog.js';
import { store } from './store.js';
import { thumb } from './tile.js';
import { Watcher } from './watch.js';
import { count, duration, many } from './words.js';

const SAMPLES = 12;

class StartScreen extends Watcher {
  sources() { return [[store, 'state']]; }

  build() {
    this.field = h('input', { type: 'text', placeholder: 'For example passport', autocomplete: 'off', 'aria-label': 'Name of a class' });
    this.names = h('ul', { class: 'chips', 'aria-label': 'Classes' });
    this.go = h('a', { class: 'button', href: '#label' });
    this.facts = h('div', { class: 'stack' });
    const sentence = (number, text) => h('li', {}, h('span', { class: 'step', 'aria-hidden': 'true' }, number), h('p', {}, text));
    fill(this,
      h('div', { class: 'start-words' },
        h('h1', {}, 'What do you want to tell apart?'),
        h('ol', { class: 'steps' },
          sentence('1', 'Name what there is; two names are enough to begin.'),
          sentence('2', 'Say what one picture after another shows, by pressing a number. The computer learns from each.'),
          sentence('3', 'After some twenty pictures you see how often it would be right, and you can take it into use.')),
        addClassForm(this.field, 'Add'),
        this.names,
        h('p', {}, this.go)),
      h('div', { class: 'start-pictures' }, samples(), this.facts));
  }

  draw() {
    const { classes, folder, extractor, images, labels } = store.state;
    fill(this.names, classes.map(({ name }, index) =>
      h('li', {}, h('button', { class: 'chip', type: 'button', 'aria-label': `Change class ${name}`, onclick: () => openClassDialog(name) }, glyph(index), named(name)))));
    const isReady = classes.length >= 2;
    this.go.classList.toggle('primary-link', isReady);
    setText(this.go, labels ? 'Go on labelling' : isReady ? 'Start labelling' : 'Look at the pictures first');
    const isDone = images.embedded + images.failed_total >= images.total;
    const left = images.seconds_left == null ? '' : `, about ${duration(images.seconds_left)} left`;
    fill(this.facts,
      h('p', { class: 'private' }, icon('lock'), h('span', {}, 'Your pictures stay on this computer, in ', h('code', {}, h('bdi', {}, folder)), '.')),
      h('p', { class: 'muted' }, isDone
        ? `${many(images.total, 'picture')}, looked at by ${extractor}.`
        : `${count(images.embedded)} of ${many(images.total, 'picture')} looked at by ${extractor}${left}. You can begin now.`),
      images.failed_total > 0 && h('details', {},
        h('summary', {}, `${many(images.failed_total, 'file')} cannot be read`),
        h('ul', { class: 'failures' }, images.failed.map(({ path, reason }) => h('li', {}, h('code', {}, h('bdi', {}, path)), ' ', reason)))));
  }

  focusFirst() { this.field.focus(); }
}

/** Pictures spread evenly over the folder. */
function samples() {
  const total = store.names.length;
  const few = Math.min(SAMPLES, total);
  const pictures = Array.from({ length: few }, (_, place) => Math.floor((place * total) / few));
  return h('div', { class: 'mosaic', 'aria-hidden': 'true' }, pictures.map((image) => {
    const picture = h('img', { src: thumb(image), alt: '', decoding: 'async' });
    picture.addEventListener('error', () => picture.removeAttribute('src'));
    return picture;
  }));
}

customElements.define('start-screen', StartScreen);
