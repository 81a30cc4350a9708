import * as fs from 'fs';
import * as path from 'path';
import { IgnoreMode, IgnoreStrategy, Stage } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { listContext } from './context-listing';
import { warnOfContent } from './hygiene';
import { literalPattern, readIgnoreFile } from './ignore-file';
import { readContext } from './readable';
import { property } from '../names-in-app';
import { validationError } from '../validation';

/** The build context as `docker build` reads it. */
export interface DockerContext {
  readonly directory: string;
  /** The path of the Dockerfile, relative to the directory. */
  readonly file: string;
  /** Patterns in the syntax of `.dockerignore`. */
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
    ...ignorePatterns(scope, directory, ignoreFile, props),
    ...['.dockerignore', ignoreFile ?? '.dockerignore', file].map((kept) => `!${literalPattern(kept)}`),
    ...cdkOutput(scope, directory),
  ];
  const { contentHash, files, symbolicLinks, emptyDirectories } = listContext(scope, directory, IgnoreStrategy.docker(directory, exclude));
  warnOfContent(scope, { directory, file, ignoreFile, files });
  return { directory, file, exclude, contentHash, symbolicLinks, emptyDirectories };
}

/** Fails if the directory or the Dockerfile does not exist, or if the Dockerfile is outside the context. */
export function requireContext(scope: IConstruct, directory: string, file: string): void {
  if (directory === '') {
    throw validationError(scope, `${property('directory')} must not be empty, got ''; pass the directory that contains the Dockerfile`);
  }
  const resolved = path.resolve(directory);
  if (!fs.existsSync(resolved)) {
    throw validationError(scope, `${property('directory')} does not exist, got '${directory}' (${resolved}); pass an absolute path, `
      + `or a path relative to the working directory ${process.cwd()}`);
  }
  if (!fs.statSync(resolved).isDirectory()) {
    throw validationError(scope, `${property('directory')} must be a directory, got the file '${directory}'; pass the directory that contains it, `
      + `and its name as ${property('file')}`);
  }
  const relative = path.relative(resolved, path.resolve(resolved, file));
  if (path.isAbsolute(file) || relative.split(path.sep)[0] === '..' || relative === '') {
    throw validationError(scope, `${property('file')} must be a path inside ${property('directory')}, got '${file}'; `
      + `pass a ${property('directory')} that contains the Dockerfile`);
  }
  if (/[\0-\x1f\x7f]/.test(file)) {
    throw validationError(scope, `${property('file')} must not contain control characters, which BuildKit does not accept, got ${JSON.stringify(file)}; `
      + 'rename the file');
  }
  if (!isFile(path.join(resolved, file))) {
    throw validationError(scope, `${property('file')} does not exist, got '${file}' in ${resolved}; create the Dockerfile, `
      + `or pass its path relative to ${property('directory')}`);
  }
  const real = path.relative(fs.realpathSync(resolved), fs.realpathSync(path.join(resolved, file)));
  if (real.split(path.sep)[0] === '..' || path.isAbsolute(real)) {
    throw validationError(scope, `${property('file')} must not be a symbolic link to a file outside ${property('directory')}, got '${file}'; `
      + `pass a ${property('directory')} that contains the Dockerfile`);
  }
}

/** The patterns to ignore, in Docker's syntax: those of other modes are replaced by the paths that they match. */
function ignorePatterns(
  scope: IConstruct, directory: string, ignoreFile: string | undefined, { exclude = [], ignoreMode }: DockerContextProps,
): string[] {
  const fromFile = ignoreFile ? readContext(scope, ignoreFile, () => readIgnoreFile(path.join(directory, ignoreFile))) : [];
  const patterns = [
    ...(fromFile.some((pattern) => pattern.includes('__pycache__')) ? [] : ['**/__pycache__']),
    ...fromFile,
    ...exclude,
  ];
  return ignoreMode === undefined || ignoreMode === IgnoreMode.DOCKER
    ? patterns
    : listContext(scope, directory, IgnoreStrategy.fromCopyOptions({ exclude: patterns, ignoreMode }, directory)).ignored.map(literalPattern);
}

/** Patterns for the output directory of this app and for the default output directory of the CDK CLI. */
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
