import { Duration } from 'aws-cdk-lib';

/** The time limits of `image_builder/timeouts.py` that appear in the template. A test compares the two files. */
export const TIMEOUTS = {
  service: Duration.seconds(3600),
  execution: Duration.seconds(3540),
  queue: Duration.minutes(49),
  minBuild: Duration.minutes(5),
  maxBuild: Duration.minutes(40),
  function: Duration.minutes(4),
  assembly: Duration.minutes(2),
};
