import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites that install what they need by themselves: test:deploy, test:label-studio, test:browser.
    exclude: ['test/deploy/**', 'test/label-studio/**', 'test/embed/**', 'node_modules/**'],
    // The emulators listen on real sockets and read process.env: one process a file keeps them apart.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
