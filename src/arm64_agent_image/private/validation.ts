import { Duration, Token } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';

/** An error that tells which construct it is about. */
export function failure(scope: IConstruct, message: string): Error {
  return new Error(`${scope.node.path}: ${message}`);
}

/** A property that is part of the content hash, hence must be known at synthesis. */
export function requireLiteral(scope: IConstruct, property: string, value: string): void {
  if (Token.isUnresolved(value)) {
    throw failure(scope, `'${property}' must be known at synthesis because it is part of the image's content tag, got a token; `
      + 'pass a literal value, or read the value when the agent starts');
  }
}

/** A string that can be an argument of a process. */
export function requireArgument(scope: IConstruct, property: string, value: string): void {
  requireLiteral(scope, property, value);
  if (/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)) {
    throw failure(scope, `'${property}' must not contain NUL characters or unpaired surrogates, got ${JSON.stringify(value)}; `
      + 'remove them, or encode the value');
  }
}

/** Whole minutes within bounds. */
export function requireMinutes(scope: IConstruct, property: string, value: Duration, min: number, max: number, why: string): number {
  const minutes = value.isUnresolved() ? NaN : value.toMinutes({ integral: false });
  if (!Number.isInteger(minutes) || minutes < min || minutes > max) {
    throw failure(scope, `'${property}' must be ${min} to ${max} whole minutes, got ${value.isUnresolved() ? 'a token' : value.toHumanString()}; ${why}`);
  }
  return minutes;
}
