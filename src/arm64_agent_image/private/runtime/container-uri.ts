import { CfnResource, DefaultTokenResolver, IPostProcessor, IResolvable, IResolveContext, Reference, Tokenization } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { asText } from '../references';
import { given, overridden } from './runtime-properties';

const ARTIFACT = 'AgentRuntimeArtifact';

/** The L2 artifact that a Runtime is synthesized from; undefined for any other Runtime. */
export function artifactOf(runtime: CfnResource): unknown {
  const rendersL2 = Tokenization.isResolvable(given(runtime, ARTIFACT)) && overriddenUri(runtime) === undefined;
  return rendersL2 ? (runtime.node.scope as { agentRuntimeArtifact?: unknown }).agentRuntimeArtifact : undefined;
}

/** The URI of the image that a Runtime uses, as text; undefined if it uses none, or an asset that only synthesis renders. */
export function containerUri(runtime: CfnResource): string | undefined {
  const l2 = artifactOf(runtime) as { _render?(): { containerUri?: string } } | undefined;
  if (!l2) {
    return overriddenUri(runtime) ?? uriOf(runtime, given(runtime, ARTIFACT));
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

function overriddenUri(runtime: CfnResource): string | undefined {
  return uriOf(runtime, overridden(runtime, ARTIFACT));
}

/** The URI in an artifact, which an L1 spells in camel case. */
function uriOf(runtime: CfnResource, artifact: unknown): string | undefined {
  const { ContainerConfiguration, containerConfiguration = ContainerConfiguration } = resolveText(runtime, artifact) ?? {};
  const { ContainerUri, containerUri: uri = ContainerUri } = containerConfiguration ?? {};
  return uri && asText(uri);
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
