export { Arm64AgentRuntimeArtifact } from './arm64-agent-runtime-artifact';
export { Arm64AgentRuntimeArtifactProps } from './arm64-agent-runtime-artifact-props';
export { BuildSecret, RegistryCredentials } from './build-credentials';
export { BuildMode } from './build-mode';
export { AutoBuildOptions, EcrImageDigestOptions, EcrImageOptions, EcrImageTagOptions, LocalBuildOptions } from './build-options';
export { CodeBuildOptions } from './code-build-options';
export { ImageBuild } from './image-build';
