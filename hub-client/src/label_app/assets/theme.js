// Light or dark: as the system says, or as chosen here.

const dark = matchMedia('(prefers-color-scheme: dark)');
const CHOICES = ['system', 'light', 'dark'];
const KEY = 'hub-label-theme';
let choice = CHOICES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : 'system';

const probe = document.createElement('i');
probe.hidden = true;
// On the map the colours of classes are as in the lists, also where the system gives the others.
probe.style.forcedColorAdjust = 'none';
document.body.append(probe);

export const themes = new EventTarget();
export const themeChoice = () => choice;

/** Shows the next choice: system, light, dark. */
export function nextTheme() {
  choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
  localStorage.setItem(KEY, choice);
  apply();
}

/** A colour of the style sheets as it is now, as `rgb(…)`. */
export function colour(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

function apply() {
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  themes.dispatchEvent(new Event('change'));
}

dark.addEventListener('change', apply);
apply();
