/** Consumed one by one, from the start again when used up. @returns each as a number below what is asked for */
export function choicesOf(choices: readonly number[]): (below: number) => number {
  let index = 0;
  return (below) => {
    const choice = choices[index % choices.length] ?? 0;
    index += 1;
    return below === 0 ? 0 : choice % below;
  };
}
