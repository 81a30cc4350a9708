export { Arm64AgentRuntimeArtifact, Arm64AgentRuntimeArtifactProps } from './arm64-agent-runtime-artifact';
export { BuildSecret, RegistryCredentials } from './build-credentials';
export { AutoBuildOptions, CodeBuildOptions, EcrImageOptions, LocalBuildOptions } from './build-options';
export { ImageBuild } from './image-build';
