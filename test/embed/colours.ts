import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

/** Where the screenshots of the last run are, for people to look at. */
const SCREENSHOTS = join(import.meta.dirname, '..', '..', 'dist', 'screenshots');

/** What a screenshot shows, by its real pixels. */
export interface Picture {
  /** The colour of most pixels. */
  readonly ground: Rgb;
  /** The greatest contrast of any pixel to the ground, 1 to 21: that of its letters, where they are not blurred. */
  readonly contrast: number;
  has(colour: Rgb): boolean;
}

/** Takes the screenshot of an element and keeps it as `dist/screenshots/<name>.png`. */
export async function photograph(shown: Locator, name: string): Promise<Picture> {
  await mkdir(SCREENSHOTS, { recursive: true });
  const png = await shown.screenshot({ caret: 'initial' });
  await writeFile(join(SCREENSHOTS, `${name}.png`), png);
  const counts = await countColours(shown, png);
  const colours = counts.map(([colour]) => colour);
  const ground = colours[0] ?? [0, 0, 0];
  return {
    ground,
    contrast: Math.max(...colours.map((colour) => contrastOf(colour, ground))),
    has: (wanted) => colours.some((colour) => colour.join() === wanted.join()),
  };
}

/** @returns every colour, the most frequent first; decoded by the browser, in a page without a policy */
async function countColours(shown: Locator, png: Buffer): Promise<[Rgb, number][]> {
  const page = await shown.page().context().newPage();
  try {
    return await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      canvas?.drawImage(bitmap, 0, 0);
      const { data = new Uint8ClampedArray() } = canvas?.getImageData(0, 0, bitmap.width, bitmap.height) ?? {};
      const counts = new Map<string, number>();
      for (let at = 0; at < data.length; at += 4) {
        const key = data.slice(at, at + 3).join();
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      const sorted = [...counts].sort(([, a], [, b]) => b - a);
      return sorted.map(([key, count]): [[number, number, number], number] => {
        const [red = 0, green = 0, blue = 0] = key.split(',').map(Number);
        return [[red, green, blue], count];
      });
    }, png.toString('base64'));
  } finally {
    await page.close();
  }
}

/** Source: WCAG 2.2, "contrast ratio" and "relative luminance". */
export function contrastOf(one: Rgb, other: Rgb): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (channel: number): number => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** WCAG 2.2 AA: of text, and of what is needed to understand a graphic. */
export const AA = { text: 4.5, graphic: 3 } as const;
