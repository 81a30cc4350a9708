import { Duration, Token } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';

/** An error that names the construct it is about. */
export function validationError(scope: IConstruct, message: string): Error {
  return new Error(`${scope.node.path}: ${message}`);
}

/** Fails if the value of a property, which is part of the content tag, is not known at synthesis. */
export function requireLiteral(scope: IConstruct, subject: string, value: string): void {
  if (Token.isUnresolved(value)) {
    throw validationError(scope, `${subject} must be known at synthesis because it is part of the content tag, got a token; `
      + 'pass a literal value, or read the value when the agent starts');
  }
}

/** Fails if a value cannot be an argument of a process. */
export function requireArgument(scope: IConstruct, subject: string, value: string): void {
  requireLiteral(scope, subject, value);
  if (/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)) {
    throw validationError(scope, `${subject} must not contain NUL characters or unpaired surrogates, got ${JSON.stringify(value)}; `
      + 'remove them, or encode the value');
  }
}

/** The whole minutes of a duration; fails if they are not within bounds. */
export function requireMinutes(scope: IConstruct, subject: string, value: Duration, min: number, max: number, why: string): number {
  const minutes = value.isUnresolved() ? NaN : value.toMinutes({ integral: false });
  if (!Number.isInteger(minutes) || minutes < min || minutes > max) {
    throw validationError(scope, `${subject} must be ${min} to ${max} whole minutes, got ${value.isUnresolved() ? 'a token' : value.toHumanString()}; ${why}`);
  }
  return minutes;
}
