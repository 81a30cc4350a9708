import * as fs from 'fs';
import * as path from 'path';

/** The environment variables of a process. */
export type Environment = Record<string, string | undefined>;

/** The command that builds container images on this machine. */
export interface ContainerCommand {
  /** The command that the CDK CLI runs: `CDK_DOCKER`, or docker. */
  readonly expected: string;
  /** The first command that exists: the expected one, or else finch or podman unless `CDK_DOCKER` is set. */
  readonly found?: string;
}

/**
 * Finds the command that builds container images.
 *
 * @see https://docs.aws.amazon.com/cdk/v2/guide/build-containers.html
 */
export function containerCommand(env: Environment): ContainerCommand {
  const expected = env.CDK_DOCKER || 'docker';
  const candidates = env.CDK_DOCKER ? [expected] : [expected, 'finch', 'podman'];
  return { expected, found: candidates.find((command) => isExecutable(command, env)) };
}

function isExecutable(command: string, env: Environment): boolean {
  const folders = /[\\/]/.test(command) ? [''] : (env.PATH ?? env.Path ?? '').split(path.delimiter).filter(Boolean);
  const extensions = process.platform === 'win32' ? ['', ...(env.PATHEXT ?? '.EXE;.CMD').split(';')] : [''];
  return folders.some((folder) => extensions.some((extension) => isExecutableFile(path.join(folder, command + extension))));
}

function isExecutableFile(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
