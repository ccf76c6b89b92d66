import { defineConfig } from 'vitest/config';

/** For `npm run test:deploy`, which has deployed the stack before these tests start. */
export default defineConfig({
  test: {
    include: ['test/deploy/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
