import { defineConfig } from 'vitest/config';

/** For `npm run test:browser`, which has found a Chromium before these tests start. */
export default defineConfig({
  test: {
    include: ['test/embed/**/*.test.ts'],
    pool: 'forks',
    // One browser at a time: side by side they only take each other's processor.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
