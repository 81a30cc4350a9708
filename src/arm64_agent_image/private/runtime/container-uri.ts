import { CfnResource, DefaultTokenResolver, IPostProcessor, IResolvable, IResolveContext, Reference, Tokenization } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { asText } from '../references';

/** The L2 artifact of a Runtime; undefined for an L1 Runtime. */
export function artifactOf(runtime: CfnResource): unknown {
  return (runtime.node.scope as { agentRuntimeArtifact?: unknown }).agentRuntimeArtifact;
}

/** The URI of the image that a Runtime uses, as text; undefined if it uses none, or an asset that only synthesis renders. */
export function containerUri(runtime: CfnResource): string | undefined {
  const l2 = artifactOf(runtime) as { _render?(): { containerUri?: string } } | undefined;
  if (!l2) {
    const { agentRuntimeArtifact } = runtime as { agentRuntimeArtifact?: unknown };
    const uri = resolveText(runtime, agentRuntimeArtifact)?.containerConfiguration?.containerUri;
    return uri && asText(uri);
  }
  try {
    return resolveText(runtime, l2._render?.().containerUri);
  } catch {
    return undefined;
  }
}

/** A value whose strings are texts that name the targets of references, so that equal texts mean the same resource. */
export function resolveText(scope: IConstruct, value: unknown): any {
  const resolved = Tokenization.resolve(value, { scope, resolver: new TextResolver() });
  return typeof value === 'string' ? asText(resolved) : resolved;
}

class TextResolver extends DefaultTokenResolver {
  constructor() {
    super({ join: (left: unknown, right: unknown) => `${asText(left ?? '')}${asText(right ?? '')}` });
  }

  public resolveToken(token: IResolvable, context: IResolveContext, postProcessor: IPostProcessor): any {
    return Reference.isReference(token)
      ? `\${${token.target.node.path}.${token.displayName}}`
      : super.resolveToken(token, context, postProcessor);
  }
}
