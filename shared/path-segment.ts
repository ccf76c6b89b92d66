/**
 * Whether an id can be one segment of a URL's path. Percent-encoding takes care of all else, but `.` and `..` vanish
 * from a URL even when they are encoded, and another resource would be meant.
 */
export function isPathSegment(id: string): boolean {
  return !/^\.{0,2}$/.test(id);
}
