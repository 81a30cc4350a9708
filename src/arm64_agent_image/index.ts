export { Arm64AgentRuntimeArtifact } from './arm64-agent-runtime-artifact';
export { Arm64AgentRuntimeArtifactProps } from './arm64-agent-runtime-artifact-props';
export { BuildSecret, RegistryCredentials } from './build-credentials';
export { AutoBuildOptions, EcrImageOptions, LocalBuildOptions } from './build-options';
export { CodeBuildOptions } from './code-build-options';
export { ImageBuild } from './image-build';
