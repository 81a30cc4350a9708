/**
 * The name of a method or property in the language of the app: `build_args` in Python, `buildArgs` elsewhere. Names of
 * classes are the same in all languages.
 *
 * jsii names the language of the app in `JSII_AGENT`.
 *
 * @see https://github.com/aws/jsii/blob/main/packages/@jsii/python-runtime/src/jsii/_kernel/providers/process.py
 */
export function inAppLanguage(name: string): string {
  return process.env.JSII_AGENT?.startsWith('Python') ? name.split('.').map(snakeCase).join('.') : name;
}

/** A property, with the key of one of its entries, quoted for an error or a warning. */
export function property(name: string, key?: string): string {
  return `'${inAppLanguage(name)}${key === undefined ? '' : `.${key}`}'`;
}

function snakeCase(name: string): string {
  return /^[a-z]/.test(name) ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
}
