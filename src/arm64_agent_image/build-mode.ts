/**
 * Where an image is built.
 */
export enum BuildMode {
  /**
   * With the Docker of the machine that deploys.
   */
  LOCAL = 'local',

  /**
   * With AWS CodeBuild at deploy time.
   */
  CODE_BUILD = 'codebuild',

  /**
   * Not by this construct: the image exists, or something else builds it.
   */
  PREBUILT = 'prebuilt',
}
