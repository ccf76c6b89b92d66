/** So many failures one after the other, and the other side is taken for away rather than one of its things for broken. */
const FAILURES = 3;

/** Tells a side that is away from one of which only a part is broken, so that the part does not keep the rest waiting. */
export interface Patience<Side> {
  isOver(side: Side): boolean;
  succeeded(side: Side): void;
  failed(side: Side): void;
}

export function createPatience<Side>(): Patience<Side> {
  const failures = new Map<Side, number>();
  return {
    isOver: (side) => (failures.get(side) ?? 0) >= FAILURES,
    succeeded: (side) => void failures.delete(side),
    failed: (side) => void failures.set(side, (failures.get(side) ?? 0) + 1),
  };
}
