// Read by the Svelte plugin of Vite and by svelte-check. The compiler's own defaults are right; the file says so.
export default {};
