// What scenarios share: steps run one after the other, and each prints one line of JSON.

/**
 * Runs the steps that the command line names, or all. A step returns facts, a plain object; one that throws has failed.
 * The exit code is 0 only if every step was ok.
 */
export async function runSteps(steps) {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !(name in steps));
  if (unknown.length > 0) throw new Error(`no such step: ${unknown.join(', ')}`);
  for (const step of wanted.length > 0 ? wanted : Object.keys(steps)) {
    try {
      console.log(JSON.stringify({ step, ok: true, ...(await steps[step]()) }));
    } catch (error) {
      const { name, message, status, code } = error;
      console.log(JSON.stringify({ step, ok: false, name, message, status, code }));
      process.exitCode = 1;
    }
  }
}

/** throws unless the API's answer is what this agent needs to go on */
export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** what the SDK throws, as facts; fails when it throws nothing */
export async function thrown(work) {
  try {
    await work();
  } catch (error) {
    const { message, status, code } = error;
    return { name: error.constructor.name, message, status, code };
  }
  throw new Error('the call should have failed');
}
