import * as fs from 'fs';
import * as path from 'path';
import { Annotations } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { dockerContext, DockerContextProps, requireContext } from './docker-context';
import { findStage, pinnedPlatform, readStages } from './dockerfile';
import { readContext } from './readable';
import { ImageSource } from '../image';
import { property } from '../names-in-app';
import { requireArgument, requireLiteral, validationError } from '../validation';

/** Linux allows 128 KiB for one argument of a process, and docker takes each build argument as one. */
const MAX_BUILD_ARG = 100_000;
/** Linux allows about 2 MB for arguments and environment together, and a RUN step gets the build arguments in its environment. */
const MAX_BUILD_ARGS = 500_000;

/** @see https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/ */
const SECRET_NAME = /(_|^)(api_?key|auth|credentials?|key|password|pword|passwd|secret|token)(_|$)/i;
const PUBLIC_NAME = /(_|^)public(_|$)/i;

export interface ImageSourceProps extends Omit<DockerContextProps, 'file'> {
  readonly file?: string;
  readonly target?: string;
  readonly buildArgs?: { [name: string]: string };
  readonly buildContexts?: { [name: string]: string };
  readonly extraHash?: string;
}

/** Validates the properties that determine the content of the image. */
export function imageSource(scope: IConstruct, props: ImageSourceProps): ImageSource {
  const { file = 'Dockerfile', buildArgs = {}, buildContexts = {}, extraHash } = props;
  const target = props.target || undefined;
  requireLiteral(scope, property('directory'), props.directory);
  requireArgument(scope, property('file'), file);
  requireContext(scope, props.directory, file);
  requireNames(scope, 'buildArgs', buildArgs);
  requireSize(scope, buildArgs);
  warnOfSecrets(scope, buildArgs);
  requireNames(scope, 'buildContexts', buildContexts);
  requireRemote(scope, buildContexts);
  requireLiteral(scope, property('extraHash'), extraHash ?? '');
  requireStage(scope, path.join(props.directory, file), target);
  return {
    context: dockerContext(scope, { ...props, file }),
    target,
    buildArgs: sorted(buildArgs),
    buildContexts: sorted(buildContexts),
    extraHash,
  };
}

function requireNames(scope: IConstruct, name: string, values: Record<string, string>): void {
  for (const [key, value] of Object.entries(values)) {
    requireArgument(scope, `a name in ${property(name)}`, key);
    requireArgument(scope, property(name, key), value);
    if (key === '' || key.includes('=')) {
      throw validationError(scope, `${property(name)} must have names that are not empty and contain no '=', got '${key}'; rename it`);
    }
  }
}

function requireSize(scope: IConstruct, buildArgs: Record<string, string>): void {
  const sizes = Object.entries(buildArgs).map(([name, value]) => ({ name, bytes: Buffer.byteLength(`${name}=${value}`) }));
  const longest = sizes.find(({ bytes }) => bytes > MAX_BUILD_ARG);
  if (longest) {
    throw validationError(scope, `${property('buildArgs', longest.name)} must not exceed ${MAX_BUILD_ARG} bytes, got ${longest.bytes}; `
      + `move the value into a file in ${property('directory')}`);
  }
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > MAX_BUILD_ARGS) {
    throw validationError(scope, `${property('buildArgs')} must not exceed ${MAX_BUILD_ARGS} bytes in total, got ${total}; `
      + `move long values into files in ${property('directory')}`);
  }
}

/** Docker's own build check warns of such names too. */
function warnOfSecrets(scope: IConstruct, buildArgs: Record<string, string>): void {
  const names = Object.keys(buildArgs).filter((name) => SECRET_NAME.test(name) && !PUBLIC_NAME.test(name));
  if (names.length > 0) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:secretBuildArg',
      `${property('buildArgs')} may contain secrets: ${names.join(', ')}; build arguments are visible in the uploaded assets and in the image's history, `
      + `so pass secrets as ${property('buildSecrets')} instead`);
  }
}

function requireRemote(scope: IConstruct, buildContexts: Record<string, string>): void {
  for (const [name, value] of Object.entries(buildContexts)) {
    if (!/^(docker-image:\/\/|https?:\/\/|ssh:\/\/|git:\/\/|git@)/.test(value)) {
      throw validationError(scope, `${property('buildContexts', name)} must be an image, a URL or a Git repository, got '${value}'; `
        + `local directories are not uploaded to CodeBuild, so move it into ${property('directory')}`);
    }
  }
}

function requireStage(scope: IConstruct, dockerfile: string, target: string | undefined): void {
  requireArgument(scope, property('target'), target ?? '');
  const stages = readStages(readContext(scope, dockerfile, () => fs.readFileSync(dockerfile, 'utf8'))) ?? [];
  const stage = findStage(stages, target);
  if (target && !stage && stages.length > 0) {
    const names = [...new Set(stages.flatMap(({ name }) => name ?? []))].join(', ');
    throw validationError(scope, `${property('target')} must be a stage of ${dockerfile}, got '${target}'; `
      + (names ? `its stages are ${names}` : 'its stages have no names, so add one with \'AS\''));
  }
  const platform = stage && pinnedPlatform(stages, stage);
  if (platform && !/^(linux|(linux\/)?(arm64|aarch64)(\/.*)?)$/i.test(platform)) {
    throw validationError(scope, `the Dockerfile (${dockerfile}) pins its final stage to the platform ${platform}, `
      + `but AgentCore Runtime runs linux/arm64; remove '--platform=${platform}' from its FROM`);
  }
}

function sorted(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}
