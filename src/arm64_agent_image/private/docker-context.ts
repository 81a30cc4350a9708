import * as fs from 'fs';
import * as path from 'path';
import { IgnoreMode, IgnoreStrategy, Stage } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { failure } from './validation';

/** What `docker build` would be given. */
export interface DockerContext {
  readonly directory: string;
  readonly file: string;
  readonly exclude: string[];
  readonly ignoreMode: IgnoreMode;
  readonly symbolicLinks: Record<string, string>;
  readonly emptyDirectories: string[];
}

export interface DockerContextProps {
  readonly directory: string;
  readonly file: string;
  readonly exclude?: string[];
  readonly ignoreMode?: IgnoreMode;
}

/**
 * Reads the context as Docker does.
 *
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function dockerContext(scope: IConstruct, props: DockerContextProps): DockerContext {
  const directory = path.resolve(props.directory);
  const ignoreFile = [`${props.file}.dockerignore`, '.dockerignore'].find((name) => isFile(path.join(directory, name)));
  const patterns = ignoreFile ? readIgnoreFile(path.join(directory, ignoreFile)) : [];
  const exclude = [
    // negating everything first undoes what DockerImageAsset reads from `.dockerignore` by itself
    ...(ignoreFile && ignoreFile !== '.dockerignore' ? ['!**'] : []),
    ...(patterns.some((pattern) => pattern.includes('__pycache__')) ? [] : ['**/__pycache__']),
    ...patterns,
    ...props.exclude ?? [],
    ...['.dockerignore', ignoreFile ?? '.dockerignore', props.file].map((kept) => `!${escapePattern(kept)}`),
    ...cdkOutput(scope, directory),
  ];
  const ignoreMode = props.ignoreMode ?? IgnoreMode.DOCKER;
  const { symbolicLinks, emptyDirectories } = listing(directory, IgnoreStrategy.fromCopyOptions({ exclude, ignoreMode }, directory));
  return { directory, file: props.file, exclude, ignoreMode, symbolicLinks, emptyDirectories };
}

/** Refuses a directory or Dockerfile that is not there, or that would not be part of the context. */
export function requireContext(scope: IConstruct, directory: string, file: string): void {
  const resolved = path.resolve(directory);
  if (!fs.existsSync(resolved)) {
    throw failure(scope, `'directory' does not exist, got '${directory}' (${resolved}); pass the directory that holds the Dockerfile, `
      + 'relative to the working directory or absolute');
  }
  if (!fs.statSync(resolved).isDirectory()) {
    throw failure(scope, `'directory' must be a directory, got the file '${directory}'; pass the directory that holds it, and its name as 'file'`);
  }
  const relative = path.relative(resolved, path.resolve(resolved, file));
  if (path.isAbsolute(file) || relative.split(path.sep)[0] === '..' || relative === '') {
    throw failure(scope, `'file' must be a path inside 'directory', got '${file}'; pass a 'directory' that contains the Dockerfile`);
  }
  if (!isFile(path.join(resolved, file))) {
    throw failure(scope, `'file' does not exist, got '${file}' in ${resolved}; create the Dockerfile or pass its path relative to 'directory'`);
  }
}

function readIgnoreFile(file: string): string[] {
  return fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '').split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => /^\s*(!?)\s*(.*?)\s*$/s.exec(line)!)
    .filter(([, , pattern]) => pattern !== '')
    .map(([, negation, pattern]) => negation + path.posix.normalize(pattern).replace(/(?<=.)\/$/, '').replace(/^\/(?=.)/, ''));
}

function cdkOutput(scope: IConstruct, directory: string): string[] {
  const output = Stage.of(scope.node.root)?.outdir ?? 'cdk.out';
  const relative = path.relative(directory, path.resolve(output));
  const inside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  return inside ? [escapePattern(relative)] : [];
}

function listing(root: string, ignore: IgnoreStrategy) {
  const symbolicLinks: Record<string, string> = {};
  const emptyDirectories: string[] = [];
  const visit = (directory: string): boolean => {
    let anything = false;
    for (const entry of fs.readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const full = path.join(directory, entry.name);
      const name = path.relative(root, full).split(path.sep).join('/');
      if (entry.isDirectory()) {
        if (ignore.completelyIgnores(full)) {
          continue;
        }
        const kept = visit(full);
        if (!kept && !ignore.ignores(full)) {
          emptyDirectories.push(name);
        }
        anything = anything || kept || !ignore.ignores(full);
      } else if (!ignore.ignores(full)) {
        anything = true;
        if (entry.isSymbolicLink()) {
          symbolicLinks[name] = fs.readlinkSync(full);
        }
      }
    }
    return anything;
  };
  visit(root);
  return { symbolicLinks, emptyDirectories };
}

function escapePattern(name: string): string {
  return name.split(path.sep).join('/').replace(/[\\*?[\]]/g, '\\$&');
}

function isFile(name: string): boolean {
  return fs.existsSync(name) && fs.statSync(name).isFile();
}
