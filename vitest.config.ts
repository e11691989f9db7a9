// Every unit, GPU and contract test runs here, in Node: GPU tests on Dawn with whatever Vulkan driver is found
// (SwiftShader on a machine without a GPU). The app as a person uses it is tested in `e2e/` with Playwright.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { chooseVulkanDriver } from './tools/vulkan.ts';
import { wgsl } from './tools/wgsl-vite.ts';

// Test processes inherit the choice.
chooseVulkanDriver(process.env);

export default defineConfig({
  plugins: [wgsl(), svelte()],
  resolve: { conditions: ['browser'] },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules', 'out', 'e2e'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
