import * as crypto from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { IgnoreStrategy } from 'aws-cdk-lib';

/** The content of a build context. */
export interface ContextListing {
  /** The hash of all bytes, paths, links and executable bits. It does not depend on times or on the location of the context. */
  readonly contentHash: string;
  readonly symbolicLinks: Record<string, string>;
  readonly emptyDirectories: string[];
  /** The paths that are excluded, without what is below them. */
  readonly ignored: string[];
}

/** Lists a build context without following links. */
export function listContext(root: string, ignore: IgnoreStrategy): ContextListing {
  const content = crypto.createHash('sha256');
  const symbolicLinks: Record<string, string> = {};
  const emptyDirectories: string[] = [];
  const ignored: string[] = [];

  const visitFile = (file: string, name: string, entry: fs.Dirent) => {
    if (entry.isSymbolicLink()) {
      symbolicLinks[name] = linkTarget(root, file);
    } else {
      content.update(JSON.stringify([name, isExecutable(file), hashOf(file)]));
    }
  };
  const visitDirectory = (directory: string): boolean => {
    let holdsAnything = false;
    for (const entry of fs.readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const full = path.join(directory, entry.name);
      const name = path.relative(root, full).split(path.sep).join('/');
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
  return { contentHash: content.digest('hex'), symbolicLinks, emptyDirectories, ignored };
}

/** The target of a link. As in the CDK, an absolute target within the context becomes relative. */
function linkTarget(root: string, link: string): string {
  const target = fs.readlinkSync(link);
  const inside = [root, fs.realpathSync(root)].find((place) => `${target}/`.startsWith(`${place}/`));
  return inside === undefined ? target : path.relative(path.dirname(path.join(inside, path.relative(root, link))), target) || '.';
}

function isExecutable(file: string): boolean {
  return (fs.statSync(file).mode & fs.constants.S_IXUSR) !== 0;
}

function hashOf(file: string): string {
  const hash = crypto.createHash('sha256');
  const buffer = Buffer.alloc(1024 * 1024);
  const descriptor = fs.openSync(file, 'r');
  try {
    for (let length = fs.readSync(descriptor, buffer); length > 0; length = fs.readSync(descriptor, buffer)) {
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    fs.closeSync(descriptor);
  }
  return hash.digest('hex');
}
