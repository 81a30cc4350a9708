import { IgnoreMode } from 'aws-cdk-lib';
import { ImageBuild } from './image-build';

/**
 * Properties of `Arm64AgentRuntimeArtifact`.
 */
export interface Arm64AgentRuntimeArtifactProps {
  /**
   * The build context: the directory that you would pass to `docker build`. A relative path is relative to the working
   * directory of the app.
   *
   * Files that `.dockerignore` excludes are neither uploaded nor part of the content tag. As in Docker, a
   * `<file>.dockerignore` beside the Dockerfile takes precedence. The CDK's output directory is always excluded, and so is
   * `__pycache__` unless the ignore file mentions it.
   */
  readonly directory: string;

  /**
   * The path of the Dockerfile, relative to `directory` and inside it.
   *
   * @default 'Dockerfile'
   */
  readonly file?: string;

  /**
   * The stage of the Dockerfile to build, as in `docker build --target`.
   *
   * @default - the last stage
   */
  readonly target?: string;

  /**
   * Build arguments, as in `docker build --build-arg`.
   *
   * They are part of the content tag, and visible in the uploaded assets and in the image's history: use build secrets
   * for secrets. Tokens are not allowed. One argument may take 100,000 bytes and all together 500,000, because Linux
   * limits the arguments of a process.
   *
   * @default - none
   */
  readonly buildArgs?: { [name: string]: string };

  /**
   * Additional named build contexts, as in `docker build --build-context`, for example
   * `{ base: 'docker-image://public.ecr.aws/docker/library/python:3.13-slim' }`.
   *
   * Images, URLs and Git repositories are allowed. Local directories are not, because they are not uploaded to CodeBuild.
   *
   * @default - none
   */
  readonly buildContexts?: { [name: string]: string };

  /**
   * Patterns to exclude from the build context, applied after those of the ignore file.
   *
   * @default - none
   */
  readonly exclude?: string[];

  /**
   * The syntax of `exclude` and of the ignore file.
   *
   * @default IgnoreMode.DOCKER
   */
  readonly ignoreMode?: IgnoreMode;

  /**
   * An additional value to include in the content tag, for example the digest of a base image whose tag moves.
   *
   * @default - the content tag covers the build context and the arguments of the build
   */
  readonly extraHash?: string;

  /**
   * Where the image is built.
   *
   * @default ImageBuild.auto()
   */
  readonly imageBuild?: ImageBuild;
}
