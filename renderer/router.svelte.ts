/**
 * Which page is shown. A few lines over the history API instead of a router package: seven pages, no nesting. Both hosts
 * answer unknown paths with index.html, so a reload lands on the same page; under Electron the paths live in
 * `app://bundle/`.
 */
export type PageName = 'compare' | 'runs' | 'run' | 'new' | 'data' | 'gpu' | 'settings' | 'not-found';

export interface Route {
  page: PageName;
  /** The run's id on the run page. */
  id: string | null;
  query: URLSearchParams;
}

const plainPages = ['compare', 'runs', 'new', 'data', 'gpu', 'settings'] as const;

/** Turns a path such as `/runs/r_12` into a page; unknown paths become `not-found`. */
export function parseRoute(pathname: string, search: string): Route {
  const query = new URLSearchParams(search);
  const parts = pathname.split('/').filter((part) => part !== '' && part !== 'index.html');
  const [first, second, ...rest] = parts;
  const page = (name: PageName, id: string | null = null): Route => ({ page: name, id, query });
  if (rest.length > 0) return page('not-found');
  if (first === undefined) return page('runs');
  if (first === 'runs' && second !== undefined) return page('run', decodeURIComponent(second));
  if (second !== undefined) return page('not-found');
  const known = plainPages.find((name) => name === first);
  return page(known ?? 'not-found');
}

export class Router {
  #route = $state.raw<Route>(parseRoute(location.pathname, location.search));

  get route(): Route {
    return this.#route;
  }

  /** Listens to back, forward and clicks on links of the app; answers a function that stops it. */
  start(): () => void {
    const sync = () => {
      this.#route = parseRoute(location.pathname, location.search);
    };
    const click = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
      if (!(link instanceof HTMLAnchorElement) || !followsInApp(link, event)) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    };
    addEventListener('popstate', sync);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('popstate', sync);
      document.removeEventListener('click', click);
    };
  }

  go(path: string): void {
    if (path !== location.pathname + location.search) history.pushState(null, '', path);
    this.#route = parseRoute(location.pathname, location.search);
  }

  /** Changes the address without a new entry in the history, e.g. while a filter is typed. */
  replace(path: string): void {
    history.replaceState(null, '', path);
    this.#route = parseRoute(location.pathname, location.search);
  }
}

function followsInApp(link: HTMLAnchorElement, event: MouseEvent): boolean {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const internal = link.origin === location.origin && link.target === '' && !link.hasAttribute('download');
  return plain && internal && !event.defaultPrevented && link.getAttribute('href')?.startsWith('#') !== true;
}
