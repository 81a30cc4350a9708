export { Arm64AgentRuntimeArtifact, Arm64AgentRuntimeArtifactProps } from './arm64-agent-runtime-artifact';
export { BuildSecret, RegistryCredentials } from './build-credentials';
export { AutoBuildOptions, CodeBuildOptions, EcrImageOptions, ImageBuild, LocalBuildOptions } from './image-build';
