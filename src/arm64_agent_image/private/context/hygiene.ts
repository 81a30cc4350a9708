import * as fs from 'fs';
import * as path from 'path';
import { Annotations } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { property } from '../names-in-app';

const LARGE = 300e6;
/** AgentCore runs images of up to 2 GB, of which the base image takes a part. */
const NEAR_AGENTCORE_LIMIT = 1.5e9;

const UNWANTED = new Set(['.git', '.hg', '.svn', '.venv', 'venv', 'node_modules', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.tox', '.nox']);
const CREDENTIALS = /(^|\/)(\.env(\.(?!(example|sample|template|dist|defaults?)$)[^/]*)?|\.aws\/.+|\.ssh\/.+|[._]netrc|\.pypirc|\.git-credentials|id_(rsa|dsa|ecdsa|ed25519))$/;

/** The part of a build context that is worth a warning. */
export interface ContextContent {
  readonly directory: string;
  readonly file: string;
  /** The ignore file that applies, relative to the directory. */
  readonly ignoreFile?: string;
  /** The size of each file in bytes, by its path. */
  readonly files: Map<string, number>;
}

/** Warns about what usually does not belong in an image. */
export function warnOfContent(scope: IConstruct, context: ContextContent): void {
  const ignoreFile = context.ignoreFile ?? '.dockerignore';
  const annotations = Annotations.of(scope);

  const unwanted = largest(sizes(context.files, unwantedDirectory));
  if (unwanted.length > 0) {
    annotations.addWarningV2('arm64-agent-image:unwantedFiles',
      `${property('directory')} contains ${describe(unwanted)}, which are uploaded and are part of the content tag, so that any `
      + `change in them builds a new image; add to ${ignoreFile}: ${unwanted.map(([name]) => name).join(', ')}`);
  }
  const credentials = [...context.files.keys()].filter((name) => CREDENTIALS.test(name));
  if (credentials.length > 0) {
    annotations.addWarningV2('arm64-agent-image:credentials',
      `${property('directory')} contains files that usually hold credentials, which are uploaded and may become part of the image: `
      + `${abbreviate(credentials)}; add them to ${ignoreFile}, and let the agent read its secrets when it starts`);
  }
  const total = [...context.files.values()].reduce((sum, size) => sum + size, 0);
  const top = describe(largest(sizes(context.files, topLevel)).slice(0, 3));
  if (total > NEAR_AGENTCORE_LIMIT) {
    annotations.addWarningV2('arm64-agent-image:contextSize',
      `${property('directory')} has ${megabytes(total)}, and AgentCore runs images of up to 2 GB; the largest parts are ${top}; `
      + `exclude what the image does not need with ${ignoreFile}`);
  } else if (total > LARGE) {
    annotations.addWarningV2('arm64-agent-image:contextSize',
      `${property('directory')} has ${megabytes(total)}, which every deployment of new code uploads; the largest parts are ${top}; `
      + `exclude what the image does not need with ${ignoreFile}`);
  }
  warnOfUnreadIgnoreFile(scope, context);
}

/** Docker reads `<file>.dockerignore`, or else `.dockerignore` in the context, and no ignore file in a sub-folder. */
function warnOfUnreadIgnoreFile(scope: IConstruct, { directory, file, ignoreFile }: ContextContent): void {
  const beside = path.posix.join(path.posix.dirname(file), '.dockerignore');
  if (beside !== '.dockerignore' && beside !== ignoreFile && fs.existsSync(path.join(directory, beside))) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:ignoreFile',
      `Docker does not read '${beside}'; it reads '${file}.dockerignore', or else '.dockerignore' in ${property('directory')}; `
      + `rename it to '${file}.dockerignore', with patterns relative to ${property('directory')}`);
  }
}

function unwantedDirectory(name: string): string | undefined {
  const parts = name.split('/');
  const index = parts.findIndex((part, i) => i < parts.length - 1 && UNWANTED.has(part));
  return index < 0 ? undefined : parts.slice(0, index + 1).join('/');
}

function topLevel(name: string): string {
  return name.split('/')[0];
}

function sizes(files: Map<string, number>, group: (name: string) => string | undefined): Map<string, number> {
  const groups = new Map<string, number>();
  for (const [name, size] of files) {
    const key = group(name);
    if (key !== undefined) {
      groups.set(key, (groups.get(key) ?? 0) + size);
    }
  }
  return groups;
}

function largest(groups: Map<string, number>): [string, number][] {
  return [...groups].sort(([a, one], [b, two]) => two - one || (a < b ? -1 : 1));
}

function describe(groups: [string, number][]): string {
  return groups.map(([name, size]) => `${name} (${megabytes(size)})`).join(', ');
}

function megabytes(bytes: number): string {
  return `${bytes < 10e6 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6)} MB`;
}

function abbreviate(names: string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}
