import { expect, test } from '@jest/globals';
import { createStory, expectThat, NotAsTold } from './story.ts';

function tell(isTTY: boolean): Promise<string> {
  let written = '';
  const story = createStory({ isTTY, write: (text: string) => void (written += text) });
  const work = (): Promise<void> => {
    story.fact('key', 'sk-pro…ABCD');
    story.shown('it works');
    return Promise.resolve();
  };
  return story
    .step('First', work)
    .then(() => story.step('Second', work))
    .then(() => written);
}

test('steps are numbered', async () => {
  const text = await tell(false);
  expect(text).toContain('\n1. First\n');
  expect(text).toContain('\n2. Second\n');
  expect(text).toContain('✓ it works');
});

test('colours appear on a terminal only', async () => {
  expect(await tell(true)).toContain('\u001b[');
  expect(await tell(false)).not.toContain('\u001b[');
});

test('what is not as told ends the story', async () => {
  const story = createStory({ write: () => undefined });
  const step = story.step('Third', () => {
    expectThat(false, 'the key was found');
    return Promise.resolve();
  });
  await expect(step).rejects.toThrow(new NotAsTold('the key was found'));
});
