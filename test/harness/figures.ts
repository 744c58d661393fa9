/** Prints what a test measured as one line beside its result; a test runner's console would add a stack to each. */
export function showFigure(text: string): void {
  process.stderr.write(`      ${text}\n`);
}
