export * from './api.ts';
export * from './errors.ts';
export * from './presets.ts';
export * from './run-spec.ts';
export * from './runs.ts';
export * from './training.ts';
