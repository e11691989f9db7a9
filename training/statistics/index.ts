/** The statistics of a comparison, as pure functions over stored series. */
export * from './bands.ts';
export * from './bootstrap.ts';
export * from './comparison.ts';
export * from './groups.ts';
export * from './summary.ts';
export * from './target.ts';
export * from './verdict.ts';
