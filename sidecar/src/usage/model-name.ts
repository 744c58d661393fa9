// Names of models: what may be called one, and globs over them.

const NAME = /^[\w.:/@-]{1,128}$/;

/** whether a provider's word for a model can be one: printable, short, good for a label */
export function isModelName(text: string): boolean {
  return NAME.test(text);
}

/**
 * whether a model's name matches a glob; `*` stands for any run of characters, slashes too, and case matters
 *
 * Goes back to the last star only, so that no glob makes it worse than quadratic.
 */
export function matchesModelGlob(glob: string, model: string): boolean {
  let g = 0;
  let m = 0;
  let star = -1;
  let starMatchesTo = 0;
  while (m < model.length) {
    if (glob[g] === '*') {
      star = g;
      starMatchesTo = m;
      g += 1;
    } else if (glob[g] === model[m]) {
      g += 1;
      m += 1;
    } else if (star >= 0) {
      starMatchesTo += 1;
      g = star + 1;
      m = starMatchesTo;
    } else {
      return false;
    }
  }
  while (glob[g] === '*') g += 1;
  return g === glob.length;
}
