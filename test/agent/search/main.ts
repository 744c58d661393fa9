// Searches the whole container for secrets, as root of it could: every file, every environment, command line, open
// file and memory of every process. Run: node search/main.ts < fingerprints.json
// stdin: a list of fingerprints (fingerprint.ts); stdout: what was covered and what was found, as one line of JSON.
import { json } from 'node:stream/consumers';
import { listMounts, searchFiles } from './files.ts';
import type { Fingerprint } from './fingerprint.ts';
import { searchProcesses } from './processes.ts';
import { createScanner } from './scanner.ts';
import type { SearchReport } from './report.ts';

const needles = (await json(process.stdin)) as Fingerprint[];
const scanner = createScanner(needles);
const startedMs = Date.now();
// Processes first: files are many, and a process may end.
const processes = searchProcesses(scanner, process.pid);
const mounts = listMounts();
const files = searchFiles('/', mounts, scanner);

const report: SearchReport = {
  needles: needles.length,
  userId: process.getuid?.() ?? -1,
  files,
  processes,
  mounts: mounts.map(({ path, type }) => `${path} (${type})`),
  hits: scanner.hits(),
  durationMs: Date.now() - startedMs,
};
console.log(JSON.stringify(report));
