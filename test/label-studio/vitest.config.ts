import { defineConfig } from 'vitest/config';

/** For `npm run test:label-studio`, which has started Label Studio before these tests start. */
export default defineConfig({
  test: {
    include: ['test/label-studio/**/*.test.ts'],
    pool: 'forks',
    // One SQLite file behind one development server: files side by side would only wait for each other.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
