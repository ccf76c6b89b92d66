export async function collect<One>(all: AsyncIterable<One>): Promise<One[]> {
  const collected: One[] = [];
  for await (const one of all) collected.push(one);
  return collected;
}
