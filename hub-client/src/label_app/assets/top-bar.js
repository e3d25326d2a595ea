// <top-bar>: whose pictures these are, the screens, undo and redo, light or dark, help.

import { redo, undo } from './actions.js';
import { fill, h, setText, switchOff } from './dom.js';
import { icon } from './glyphs.js';
import { openHelp } from './help-dialog.js';
import { say } from './live.js';
import { router, screenName, SCREENS } from './router.js';
import { store } from './store.js';
import { nextTheme, themeChoice, themes } from './theme.js';
import { Watcher } from './watch.js';
import { fileName } from './words.js';

const THEMES = { system: ['half', 'as the system'], light: ['sun', 'light'], dark: ['moon', 'dark'] };

class TopBar extends Watcher {
  sources() { return [[store, 'state'], [router, 'change'], [themes, 'change'], [store, 'saving']]; }

  build() {
    this.folder = h('span', { class: 'folder', dir: 'auto' });
    this.links = Object.entries(SCREENS).map(([name, { name: words }]) =>
      h('a', { href: `./#${name}`, 'data-screen': name }, h('span', { 'data-words': words }, words), h('span', { class: 'badge', hidden: true })));
    const button = (name, words, onclick) =>
      h('button', { class: 'icon quiet', type: 'button', 'aria-label': words, title: words, onclick }, icon(name));
    this.undo = button('undo', 'Undo (u)', undo);
    this.redo = button('redo', 'Do again (r)', redo);
    this.theme = button('half', 'Colours', () => {
      nextTheme();
      say(`Colours: ${THEMES[themeChoice()][1]}`);
    });
    fill(this,
      h('a', { class: 'brand', href: './#label' },
        h('img', { src: '/assets/icon.svg', width: '28', height: '28', alt: 'Label' }), this.folder),
      h('nav', { 'aria-label': 'Screens' }, this.links),
      h('div', { class: 'tools' }, this.undo, this.redo, this.theme, button('help', 'Keys and help (?)', () => openHelp())));
  }

  draw() {
    const { folder, suspects, undo: canUndo, redo: canRedo } = store.state;
    setText(this.folder, fileName(folder));
    this.folder.title = folder;
    for (const link of this.links) {
      if (link.dataset.screen === screenName()) {
        if (link.getAttribute('aria-current') !== 'page') link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
        link.setAttribute('aria-current', 'page');
      } else link.removeAttribute('aria-current');
    }
    const badge = this.links.find((link) => link.dataset.screen === 'suspects').querySelector('.badge');
    badge.hidden = !suspects.length;
    setText(badge, String(suspects.length));
    switchOff(this.undo, !canUndo);
    switchOff(this.redo, !canRedo);
    const [name, words] = THEMES[themeChoice()];
    fill(this.theme, icon(name));
    this.theme.title = `Colours: ${words}`;
    this.theme.setAttribute('aria-label', this.theme.title);
  }
}

customElements.define('top-bar', TopBar);
