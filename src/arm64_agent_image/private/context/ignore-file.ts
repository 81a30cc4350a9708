import * as fs from 'fs';
import * as path from 'path';

/**
 * The patterns of an ignore file, as Docker reads it.
 *
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function readIgnoreFile(file: string): string[] {
  return fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '').split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => /^\s*(!?)\s*(.*?)\s*$/s.exec(line)!)
    .filter(([, , pattern]) => pattern !== '')
    .map(([, negation, pattern]) => negation + path.posix.normalize(pattern).replace(/(?<=.)\/$/, '').replace(/^\/(?=.)/, ''))
    .map((pattern) => pattern.replace(/^#/, '\\#'));
}

/** A pattern that matches this path only. */
export function literalPattern(name: string): string {
  return name.replace(/^[!#]|[\\*?[\]]/g, '\\$&');
}
