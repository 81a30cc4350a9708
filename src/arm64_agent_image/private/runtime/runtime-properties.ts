import { CfnResource } from 'aws-cdk-lib';

type Properties = Record<string, unknown>;

/** What the CDK synthesizes a resource from. Only the resource itself has access to it in public. */
interface Synthesized {
  readonly cfnProperties: Properties;
  readonly rawOverrides: { readonly Properties?: Properties };
}

/** A property of a Runtime that an L1 or a plain `CfnResource` was given. */
export function given(runtime: CfnResource, name: string): unknown {
  const { cfnProperties } = runtime as unknown as Synthesized;
  return cfnProperties[name] ?? cfnProperties[name.charAt(0).toLowerCase() + name.slice(1)];
}

/** The overrides of a property of a Runtime. */
export function overridden(runtime: CfnResource, name: string): unknown {
  const { rawOverrides } = runtime as unknown as Synthesized;
  return rawOverrides.Properties?.[name];
}
