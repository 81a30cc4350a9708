"""Every time limit of a deployment, in seconds, ordered so that the one that can explain itself ends first.

A build may wait for its turn (in the account, then in CodeBuild's queue) until ``LATEST_START``, and runs
until its own time-out, at most ``MAX_BUILD``. The function ends and answers whatever has not ended at
``DEADLINE``. ``EXECUTION`` and ``SERVICE`` only end silence. CloudFormation waits an hour at most.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
"""

SERVICE = 3600
EXECUTION = 3540
DEADLINE = 54 * 60
MIN_BUILD, MAX_BUILD = 5 * 60, 40 * 60
LATEST_START = DEADLINE - MIN_BUILD
QUEUE = LATEST_START

FUNCTION = 240
START_EXECUTION = 90

PROPAGATION = 120
"""How long new permissions may take until IAM knows them everywhere."""
RESTART = 300
"""How long after its request a build that died for lack of a permission is started once more."""

IMAGE_POLL = 3
BUILD_POLL = 12
WAITING_POLL = 10
WAITING_BUILD_POLL = 20
ACCOUNT_LIMIT_RETRY = 20
ERROR_RETRY = 10

CACHE_EXPORT = 600
QUEUED_TOO_LONG = 240
"""A build that starts later than this after its request leaves the layer cache out: others are waiting."""
