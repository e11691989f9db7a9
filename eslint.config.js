// Strict, typed linting for all of the project, and the rules that are the project's own: which room may import what,
// where the page's globals and chance may be used.
import svelte from 'eslint-plugin-svelte';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import svelteConfig from './svelte.config.js';
import { importDirection } from './tools/eslint/import-direction.ts';

const pageGlobals = [
  'window',
  'document',
  'localStorage',
  'sessionStorage',
  'requestAnimationFrame',
  'alert',
];

export default defineConfig(
  { ignores: ['out/', 'node_modules/', 'coverage/', 'test-results/', 'playwright-report/', '.kronlab/'] },
  tseslint.configs.strictTypeChecked,
  svelte.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error', noInlineConfig: true },
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
      },
      globals: globals.es2024,
    },
    plugins: { kronlab: { rules: { 'import-direction': importDirection } } },
    rules: {
      'kronlab/import-direction': 'error',
      eqeqeq: 'error',
      'no-console': 'off',
      'no-empty': ['error', { allowEmptyCatch: false }],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers are this project's subject; they may stand in a sentence as they are.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => store.clear()` is the readable way to pass on a call whose value nobody wants.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Loops over arrays of known length are this project's daily bread, and the compiler cannot see the length.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // One line per event reads better than one signature for all, and is how Electron declares them.
      '@typescript-eslint/unified-signatures': 'off',
      // An implementation of an asynchronous interface may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser, svelteConfig }, globals: globals.browser },
    rules: {
      // A collection that nothing on screen reads is a plain one on purpose; svelte-check and tests cover the others.
      'svelte/prefer-svelte-reactivity': 'off',
    },
  },
  // To ESLint an imported component, and all that its props infer, is `any`, and finding out takes most of a minute;
  // svelte-check knows the types of components.
  { files: ['**/*.svelte'], ...tseslint.configs.disableTypeChecked },
  {
    files: [
      'training/**',
      'gpu-kernels/**',
      'contract/**',
      'datasets/**',
      'db/**',
      'main/**',
      'cli/**',
      'goldens/**',
    ],
    rules: {
      'no-restricted-globals': [
        'error',
        ...pageGlobals.map((name) => ({
          name,
          message: 'The page belongs to `renderer`; this room runs without one.',
        })),
      ],
    },
  },
  {
    files: ['training/**', 'gpu-kernels/**', 'datasets/**', 'goldens/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message:
            'Runs are repeatable: draw from the counter-based generator, keyed by seed, step and tensor.',
        },
      ],
    },
  },
  // The matchers of vitest (`expect.objectContaining`, ...) are typed `any`.
  { files: ['**/*.test.ts'], rules: { '@typescript-eslint/no-unsafe-assignment': 'off' } },
  // Fixtures of Playwright are declared by destructuring, also when they need none.
  { files: ['e2e/**'], rules: { 'no-empty-pattern': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: globals.node },
    // Casts in comments, which plain JavaScript needs, are not seen by this rule.
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
);
