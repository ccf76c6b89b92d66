/** Runs work on one thing at a time; whoever comes while another is at it waits until that one has ended, well or not. */
export type InTurn = <Result>(thing: string, work: () => Promise<Result>) => Promise<Result>;

export function createInTurn(): InTurn {
  const last = new Map<string, Promise<void>>();

  return (thing, work) => {
    const result = (last.get(thing) ?? Promise.resolve()).then(work);
    const end: Promise<void> = result
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        // Nobody came after.
        if (last.get(thing) === end) last.delete(thing);
      });
    last.set(thing, end);
    return result;
  };
}
