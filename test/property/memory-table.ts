import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Change, Item, Key, Table } from '../../shared/store/table.ts';

/**
 * The table without a server, for histories by the hundred. It refuses what DynamoDB refuses (numbers that it cannot
 * hold, a change without anything in it); that it does the same as the emulator is what test/store/usage.test.ts shows.
 */
export function createMemoryTable(): Table {
  // Frozen, so that they need not be copied for everybody who reads them.
  const items = new Map<string, Item>();
  const nameOf = ({ pk, sk }: Key) => `${pk}\n${sk}`;
  const read = (key: Key) => items.get(nameOf(key));

  return {
    get: async (key) => read(key),
    getAll: async (keys) => keys.map(read),
    async change(key, change) {
      const before = read(key);
      // What is written can be referred to in the condition, as in DynamoDB's one list of values.
      const values = { ...change.set, ...change.setIfAbsent, ...change.add, ...change.takeOut, ...change.values };
      if (change.onlyIf !== undefined && !holds(change.onlyIf, before ?? {}, values)) {
        return { kind: 'refused', item: before };
      }
      const item = Object.freeze(asKept(apply(change, before ?? { ...key })));
      items.set(nameOf(key), item);
      return { kind: 'changed', item };
    },
    async *list(pk, prefix) {
      const found = [...items.values()].filter((item) => item.pk === pk && String(item.sk).startsWith(prefix));
      yield* found.sort((one, other) => (one.sk < other.sk ? -1 : 1));
    },
  };
}

/** Over DynamoDB's own form, so that nothing is kept that it could not keep. */
const asKept = (item: Item): Item => unmarshall(marshall(item)) as Item;

function apply({ set = {}, setIfAbsent = {}, add = {}, takeOut = {}, remove = [] }: Change, before: Item): Item {
  const given = (fields: Item) => Object.entries(fields).filter(([, value]) => value !== undefined);
  if ([set, setIfAbsent, add, takeOut].flatMap(given).length + remove.length === 0) throw new Error('An empty change.');
  const item = { ...before, ...Object.fromEntries(given(set)) };
  for (const [field, value] of given(setIfAbsent)) item[field] ??= value;
  for (const [field, value] of given(add)) {
    item[field] = value instanceof Set ? new Set([...(item[field] ?? []), ...value]) : (item[field] ?? 0) + value;
  }
  for (const [field, value] of given(takeOut)) {
    const left = [...(item[field] ?? [])].filter((one) => !value.has(one));
    if (left.length > 0) item[field] = new Set(left);
    else delete item[field];
  }
  for (const field of remove) delete item[field];
  return item;
}

const TOKEN = /\s*(\(|\)|,|AND\b|OR\b|IN\b|attribute_exists|attribute_not_exists|<>|<=|<|=|#[\w.#]+|:\w+)/y;

/** As much of DynamoDB's condition expressions as the store uses. */
function holds(expression: string, item: Item, values: Item): boolean {
  const tokens: string[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < expression.trimEnd().length; ) {
    const [, token] = TOKEN.exec(expression) ?? [];
    if (token === undefined) throw new Error(`A condition that the memory table does not know: ${expression}`);
    tokens.push(token);
  }
  const take = () => tokens.shift() ?? '';
  const lookUp = (token: string): unknown =>
    token.startsWith(':')
      ? values[token.slice(1)]
      : token.split('.').reduce<Item | undefined>((within, name) => within?.[name.slice(1)], item);

  // Every part is evaluated, whatever the ones before it came to: only then are its tokens taken.
  function either(): boolean {
    let result = both();
    while (tokens[0] === 'OR') {
      take();
      const next = both();
      result ||= next;
    }
    return result;
  }
  function both(): boolean {
    let result = one();
    while (tokens[0] === 'AND') {
      take();
      const next = one();
      result &&= next;
    }
    return result;
  }
  function one(): boolean {
    const token = take();
    if (token === '(') {
      const result = either();
      take();
      return result;
    }
    if (token.startsWith('attribute')) {
      take();
      const isThere = lookUp(take()) !== undefined;
      take();
      return isThere === (token === 'attribute_exists');
    }
    const left = lookUp(token);
    const operator = take();
    if (operator !== 'IN') return compare(left, operator, lookUp(take()));
    const list: unknown[] = [];
    while (take() !== ')') list.push(lookUp(take()));
    return left !== undefined && list.includes(left);
  }
  return either();
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  // DynamoDB finds nothing true of what is not there.
  if (left === undefined || right === undefined) return false;
  if (operator === '=') return left === right;
  if (operator === '<>') return left !== right;
  const [one, other] = [left as number, right as number];
  return operator === '<' ? one < other : one <= other;
}
