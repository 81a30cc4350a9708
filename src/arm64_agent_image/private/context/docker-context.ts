import * as fs from 'fs';
import * as path from 'path';
import { IgnoreMode, IgnoreStrategy, Stage } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { listContext } from './context-listing';
import { literalPattern, readIgnoreFile } from './ignore-file';
import { failure } from '../validation';

/** What `docker build` would be given. */
export interface DockerContext {
  readonly directory: string;
  /** Of the Dockerfile, relative to the directory. */
  readonly file: string;
  /** Patterns of Docker's ignore mode. */
  readonly exclude: string[];
  readonly contentHash: string;
  readonly symbolicLinks: Record<string, string>;
  readonly emptyDirectories: string[];
}

export interface DockerContextProps {
  readonly directory: string;
  readonly file: string;
  readonly exclude?: string[];
  readonly ignoreMode?: IgnoreMode;
}

/** Reads the context as Docker does. */
export function dockerContext(scope: IConstruct, props: DockerContextProps): DockerContext {
  const directory = path.resolve(props.directory);
  const file = path.relative(directory, path.resolve(directory, props.file)).split(path.sep).join('/');
  const ignoreFile = [`${file}.dockerignore`, '.dockerignore'].find((name) => isFile(path.join(directory, name)));
  const exclude = [
    // undoes what DockerImageAsset reads from `.dockerignore` by itself
    '!**',
    ...ignorePatterns(directory, ignoreFile, props),
    ...['.dockerignore', ignoreFile ?? '.dockerignore', file].map((kept) => `!${literalPattern(kept)}`),
    ...cdkOutput(scope, directory),
  ];
  const { contentHash, symbolicLinks, emptyDirectories } = listContext(directory, IgnoreStrategy.docker(directory, exclude));
  return { directory, file, exclude, contentHash, symbolicLinks, emptyDirectories };
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
  if (/[\0-\x1f\x7f]/.test(file)) {
    throw failure(scope, `'file' must not contain control characters, which BuildKit does not take, got ${JSON.stringify(file)}; rename the file`);
  }
  if (!isFile(path.join(resolved, file))) {
    throw failure(scope, `'file' does not exist, got '${file}' in ${resolved}; create the Dockerfile or pass its path relative to 'directory'`);
  }
  const real = path.relative(fs.realpathSync(resolved), fs.realpathSync(path.join(resolved, file)));
  if (real.split(path.sep)[0] === '..' || path.isAbsolute(real)) {
    throw failure(scope, `'file' must not be a symbolic link to a file outside 'directory', got '${file}'; `
      + 'pass a \'directory\' that contains the Dockerfile');
  }
}

/** What is ignored, in Docker's words: other modes become the paths that they ignore. */
function ignorePatterns(directory: string, ignoreFile: string | undefined, { exclude = [], ignoreMode }: DockerContextProps): string[] {
  const fromFile = ignoreFile ? readIgnoreFile(path.join(directory, ignoreFile)) : [];
  const patterns = [
    ...(fromFile.some((pattern) => pattern.includes('__pycache__')) ? [] : ['**/__pycache__']),
    ...fromFile,
    ...exclude,
  ];
  return ignoreMode === undefined || ignoreMode === IgnoreMode.DOCKER
    ? patterns
    : listContext(directory, IgnoreStrategy.fromCopyOptions({ exclude: patterns, ignoreMode }, directory)).ignored.map(literalPattern);
}

/** Where this app is synthesized to, and where the CDK command line synthesizes to by default. */
function cdkOutput(scope: IConstruct, directory: string): string[] {
  const { root } = scope.node;
  return ['cdk.out', ...Stage.isStage(root) ? [root.outdir] : []]
    .map((output) => path.relative(directory, path.resolve(output)))
    .filter((relative) => relative !== '' && relative.split(path.sep)[0] !== '..' && !path.isAbsolute(relative))
    .map((relative) => literalPattern(relative.split(path.sep).join('/')));
}

function isFile(name: string): boolean {
  return fs.existsSync(name) && fs.statSync(name).isFile();
}
