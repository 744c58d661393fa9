// What a process and its children cost, read from /proc (proc(5)).
import { readFileSync, readdirSync } from 'node:fs';

/** kernel clock ticks a second, the value of every Linux that Node runs on */
const TICKS_PER_SECOND = 100;

/** user and system CPU time of the process and its live children so far, in `ms` */
export function cpuTimeMs(pid: number): number {
  return sum(pid, (id) => {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    // The command name may hold spaces and parentheses, so fields are counted after the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  });
}

/** resident memory of the process and its live children, in `MiB` */
export function residentMiB(pid: number): number {
  return sum(pid, (id) => {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) / 1024;
  });
}

function sum(pid: number, read: (id: number) => number): number {
  let total = read(pid);
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
    for (const child of children === '' ? [] : children.split(' ')) total += sum(Number(child), read);
  }
  return total;
}
