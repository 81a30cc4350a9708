import * as fs from 'fs';
import * as path from 'path';
import { IConstruct } from 'constructs';
import { dockerContext, DockerContextProps, requireContext } from './docker-context';
import { findStage, pinnedPlatform, readStages } from './dockerfile';
import { ImageSource } from '../image';
import { failure, requireArgument, requireLiteral } from '../validation';

const PLATFORM = 'linux/arm64';

/** Linux takes 128 KiB as one argument of a program, and `docker` passes each build argument on as one. */
const MAX_BUILD_ARG = 100_000;
/** Linux takes some 2 MB as arguments and environment together, which a RUN step gets the build arguments in. */
const MAX_BUILD_ARGS = 500_000;

export interface ImageSourceProps extends Omit<DockerContextProps, 'file'> {
  readonly file?: string;
  readonly target?: string;
  readonly buildArgs?: { [name: string]: string };
  readonly buildContexts?: { [name: string]: string };
  readonly extraHash?: string;
}

/** Checks the properties that say what is built. */
export function imageSource(scope: IConstruct, props: ImageSourceProps): ImageSource {
  const { file = 'Dockerfile', buildArgs = {}, buildContexts = {}, extraHash } = props;
  const target = props.target || undefined;
  requireLiteral(scope, 'directory', props.directory);
  requireArgument(scope, 'file', file);
  requireContext(scope, props.directory, file);
  requireNames(scope, 'buildArgs', buildArgs);
  requireSize(scope, buildArgs);
  requireNames(scope, 'buildContexts', buildContexts);
  requireRemote(scope, buildContexts);
  requireLiteral(scope, 'extraHash', extraHash ?? '');
  requireStage(scope, path.join(props.directory, file), target, buildArgs);
  return {
    context: dockerContext(scope, { ...props, file }),
    target,
    buildArgs: sorted(buildArgs),
    buildContexts: sorted(buildContexts),
    extraHash,
  };
}

function requireNames(scope: IConstruct, property: string, values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    requireArgument(scope, `${property} name`, name);
    requireArgument(scope, `${property}.${name}`, value);
    if (name === '' || name.includes('=')) {
      throw failure(scope, `'${property}' must have names that are not empty and contain no '=', got '${name}'; rename it`);
    }
  }
}

function requireSize(scope: IConstruct, buildArgs: Record<string, string>): void {
  const sizes = Object.entries(buildArgs).map(([name, value]) => ({ name, bytes: Buffer.byteLength(`${name}=${value}`) }));
  const longest = sizes.find(({ bytes }) => bytes > MAX_BUILD_ARG);
  if (longest) {
    throw failure(scope, `'buildArgs.${longest.name}' must not take more than ${MAX_BUILD_ARG} bytes, got ${longest.bytes}; `
      + 'move the value into a file of \'directory\'');
  }
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > MAX_BUILD_ARGS) {
    throw failure(scope, `'buildArgs' must not take more than ${MAX_BUILD_ARGS} bytes together, got ${total}; `
      + 'move long values into files of \'directory\'');
  }
}

function requireRemote(scope: IConstruct, buildContexts: Record<string, string>): void {
  for (const [name, value] of Object.entries(buildContexts)) {
    if (!/^(docker-image:\/\/|https?:\/\/|ssh:\/\/|git:\/\/|git@)/.test(value)) {
      throw failure(scope, `'buildContexts.${name}' must be an image, a URL or a Git repository, got '${value}'; `
        + 'a local directory does not reach CodeBuild: move it into \'directory\'');
    }
  }
}

function requireStage(scope: IConstruct, dockerfile: string, target: string | undefined, buildArgs: Record<string, string>): void {
  requireArgument(scope, 'target', target ?? '');
  const stages = readStages(fs.readFileSync(dockerfile, 'utf8'), buildArgs);
  const stage = findStage(stages, target);
  if (target && !stage && stages.length > 0) {
    const names = [...new Set(stages.flatMap(({ name }) => name ?? []))].join(', ');
    throw failure(scope, `'target' must be a stage of ${dockerfile}, got '${target}'; `
      + (names ? `its stages are: ${names}` : 'its stages have no names: add one with \'AS\''));
  }
  const platform = stage && pinnedPlatform(stages, stage);
  if (platform && !/^(linux|(linux\/)?(arm64|aarch64)(\/.*)?)$/i.test(platform)) {
    throw failure(scope, `'directory' has a Dockerfile (${dockerfile}) whose final stage is pinned to the platform ${platform}, `
      + `but AgentCore Runtime runs ${PLATFORM}; remove '--platform=${platform}' from its FROM`);
  }
}

function sorted(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}
