import * as crypto from 'crypto';
import { ImageSource } from './image';

/** A tag that identifies an image by everything that determines its content. */
export function contentTag({ context, extraHash }: ImageSource, parameters: unknown): string {
  return sha256({ source: context.contentHash, parameters, extraHash });
}

/** The hash of a value that JSON can represent. */
export function sha256(value: object): string {
  return crypto.createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
