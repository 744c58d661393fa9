import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { scenarioPackages } from './scenario-packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'seks-packages-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('finds packages by their imports, under the names of their registries', () => {
  const files = {
    'a.mjs': "import OpenAI from 'openai';\nimport { WebClient } from '@slack/web-api';\n",
    'b.mjs': "const { x } = await import('openai/realtime/ws');\n",
    'c.py': 'import discord\nfrom google import genai\nfrom openai import OpenAI\n',
    'd.sh': 'curl https://openai\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const found = scenarioPackages(folder, [
    { registry: 'npm', name: 'openai' },
    { registry: 'npm', name: '@slack/web-api' },
    { registry: 'npm', name: 'stripe' },
    { registry: 'PyPI', name: 'openai' },
    { registry: 'PyPI', name: 'discord.py' },
    { registry: 'PyPI', name: 'google-genai' },
  ]);
  expect(Object.fromEntries(found)).toEqual({
    'npm:openai': ['a.mjs', 'b.mjs'],
    'npm:@slack/web-api': ['a.mjs'],
    'PyPI:openai': ['c.py'],
    'PyPI:discord.py': ['c.py'],
    'PyPI:google-genai': ['c.py'],
  });
});
