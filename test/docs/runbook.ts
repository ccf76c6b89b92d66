/** One entry of docs/runbook.md. */
export interface Entry {
  /** The name of the alarm. */
  readonly heading: string;
  readonly text: string;
}

/** The headings of the third level below a second-level heading that groups alarms, with what is below them. */
export function entriesIn(document: string): Entry[] {
  const [, ...sections] = document.split(/^## /m);
  return sections
    .filter((section) => !section.startsWith('Where to begin\n'))
    .flatMap((section) => section.split(/^### /m).slice(1))
    .map((entry) => {
      const [heading = '', ...lines] = entry.trimEnd().split('\n');
      return { heading, text: lines.join('\n') };
    });
}

const COMMAND = /^npx opentrain-connector (\S.* --stage prod)(?: +# .*)?$/;

/** What comes after `npx opentrain-connector`, each once. Whatever else is in a block for the shell is a mistake. */
export function commandsIn(document: string): string[] {
  const blocks = [...document.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.trim().split('\n'));
  return [...new Set(lines)].map((line) => {
    const [, command] = COMMAND.exec(line) ?? [];
    if (command === undefined) throw new Error(`A block must hold commands of opentrain-connector only, not: ${line}`);
    return command;
  });
}

/** Relative ones. */
export function linksIn(document: string): string[] {
  const links = [...document.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return [...new Set(links.filter((link) => !/^[a-z]+:/.test(link)))];
}

/** Headings by their anchors, as GitHub makes them. */
export function anchorsIn(document: string): ReadonlyMap<string, string> {
  const prose = document.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Map(
    headings.map((heading) => [
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
      heading,
    ]),
  );
}
