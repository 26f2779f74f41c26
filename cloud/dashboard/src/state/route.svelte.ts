// Which room is shown: the address decides, so that a link, a reload and the browser's back button all work.

export type Room =
  | { name: 'overview' }
  | { name: 'unit'; id: string }
  | { name: 'hubs' }
  | { name: 'alerts' }
  | { name: 'nowhere' };

/** The room at an address. */
export function roomAt(path: string): Room {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (parts.length === 0) return { name: 'overview' };
  if (parts.length === 1 && first === 'hubs') return { name: 'hubs' };
  if (parts.length === 1 && first === 'alerts') return { name: 'alerts' };
  if (parts.length === 2 && first === 'units' && second !== undefined) return { name: 'unit', id: second };
  return { name: 'nowhere' };
}

class Route {
  #path = $state(location.pathname);
  readonly room: Room = $derived(roomAt(this.#path));
  /** Counts the moves, so that the page can set the focus after one. */
  moves = $state(0);

  constructor() {
    addEventListener('popstate', () => this.#arrive());
    document.addEventListener('click', (event) => this.#follow(event));
  }

  #arrive(): void {
    this.#path = location.pathname;
    this.moves += 1;
  }

  /** Links within the dashboard change the room without a reload. */
  #follow(event: MouseEvent): void {
    const other = event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (other || link === null || link.origin !== location.origin || link.target !== '' || link.hash !== '') return;
    event.preventDefault();
    if (link.pathname !== location.pathname) history.pushState(null, '', link.pathname);
    this.#arrive();
    scrollTo(0, 0);
  }
}

export const route = new Route();
