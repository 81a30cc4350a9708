import * as crypto from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { IgnoreStrategy } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { property } from '../names-in-app';
import { validationError } from '../validation';
import { readContext } from './readable';

/** One buffer for all files: to allocate one for each takes longer than to read a small file. */
const READ_BUFFER = Buffer.allocUnsafe(1024 * 1024);

/** The content of a build context. */
export interface ContextListing {
  /** The hash of all bytes, paths, links and executable bits. It does not depend on times or on the location of the context. */
  readonly contentHash: string;
  /** The size of each file in bytes, by its path. */
  readonly files: Map<string, number>;
  readonly symbolicLinks: Record<string, string>;
  readonly emptyDirectories: string[];
  /** The paths that are excluded, without what is below them. */
  readonly ignored: string[];
}

/** Lists a build context without following links. */
export function listContext(scope: IConstruct, root: string, ignore: IgnoreStrategy): ContextListing {
  const content = crypto.createHash('sha256');
  const files = new Map<string, number>();
  const symbolicLinks: Record<string, string> = {};
  const emptyDirectories: string[] = [];
  const ignored: string[] = [];

  const visitFile = (file: string, name: string, entry: fs.Dirent) => {
    if (entry.isSymbolicLink()) {
      symbolicLinks[name] = linkTarget(root, file);
      return;
    }
    requireRegularFile(scope, name, entry);
    const [{ mode, size }, hash] = readContext(scope, name, () => [fs.statSync(file), hashOf(file)] as const);
    content.update(JSON.stringify([name, (mode & fs.constants.S_IXUSR) !== 0, hash]));
    files.set(name, size);
  };
  const visitDirectory = (directory: string): boolean => {
    let holdsAnything = false;
    for (const entry of entriesOf(scope, root, directory)) {
      const full = path.join(directory, entry.name);
      const name = relativeName(root, full);
      if (entry.isDirectory() ? ignore.completelyIgnores(full) : ignore.ignores(full)) {
        ignored.push(name);
      } else if (!entry.isDirectory()) {
        visitFile(full, name, entry);
        holdsAnything = true;
      } else if (visitDirectory(full)) {
        holdsAnything = true;
      } else if (!ignore.ignores(full)) {
        emptyDirectories.push(name);
        holdsAnything = true;
      }
    }
    return holdsAnything;
  };
  visitDirectory(root);

  content.update(JSON.stringify([symbolicLinks, emptyDirectories]));
  return { contentHash: content.digest('hex'), files, symbolicLinks, emptyDirectories, ignored };
}

function entriesOf(scope: IConstruct, root: string, directory: string): fs.Dirent[] {
  return readContext(scope, relativeName(root, directory) || '.', () => fs.readdirSync(directory, { withFileTypes: true }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function relativeName(root: string, file: string): string {
  return path.relative(root, file).split(path.sep).join('/');
}

/** Fails for what an archive cannot hold, and what would block whoever reads it. */
function requireRegularFile(scope: IConstruct, name: string, entry: fs.Dirent): void {
  if (!entry.isFile()) {
    const kind = entry.isFIFO() ? 'a FIFO' : entry.isSocket() ? 'a socket' : 'a device';
    throw validationError(scope, `${property('directory')} must contain regular files, directories and symbolic links only, got ${kind}, '${name}'; `
      + 'remove it, or exclude it with .dockerignore');
  }
}

/** The target of a link. As in the CDK, an absolute target within the context becomes relative. */
function linkTarget(root: string, link: string): string {
  const target = fs.readlinkSync(link);
  const inside = [root, fs.realpathSync(root)].find((place) => `${target}/`.startsWith(`${place}/`));
  return inside === undefined ? target : path.relative(path.dirname(path.join(inside, path.relative(root, link))), target) || '.';
}

function hashOf(file: string): string {
  const hash = crypto.createHash('sha256');
  const descriptor = fs.openSync(file, 'r');
  try {
    for (let length = fs.readSync(descriptor, READ_BUFFER); length > 0; length = fs.readSync(descriptor, READ_BUFFER)) {
      hash.update(READ_BUFFER.subarray(0, length));
    }
  } finally {
    fs.closeSync(descriptor);
  }
  return hash.digest('hex');
}
