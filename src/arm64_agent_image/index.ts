export {
  Arm64AgentRuntimeArtifact,
  Arm64AgentRuntimeArtifactProps,
  EcrImageOptions,
} from './arm64-agent-runtime-artifact';
export { IArm64AgentRuntimeArtifact } from './agent-image';
export { BuildSecret, RegistryCredentials } from './build-credentials';
export { AutoBuildOptions, CodeBuildOptions, ImageBuild, LocalBuildOptions } from './image-build';
