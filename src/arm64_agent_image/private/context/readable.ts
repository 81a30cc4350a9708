import { IConstruct } from 'constructs';
import { property } from '../names-in-app';
import { validationError } from '../validation';

/** Reads a part of the build context; fails with an error that names the part if the operating system refuses. */
export function readContext<T>(scope: IConstruct, name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw validationError(scope, `${property('directory')} must be readable, got ${code} for '${name}'; `
      + 'change its permissions, or exclude it with .dockerignore');
  }
}
