// Light or dark: the system's preference, or the person's own for this browser.

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'theme';

function kept(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

class Appearance {
  #theme = $state<Theme>(kept());
  #systemDark = $state(matchMedia('(prefers-color-scheme: dark)').matches);
  /** What is on the screen; a chart must draw itself anew when it changes. */
  readonly dark = $derived(this.#theme === 'dark' || (this.#theme === 'system' && this.#systemDark));

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (event) => {
      this.#systemDark = event.matches;
    });
  }

  get theme(): Theme {
    return this.#theme;
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    try {
      if (theme === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // A browser that keeps nothing forgets it with the page.
    }
  }
}

export const appearance = new Appearance();
