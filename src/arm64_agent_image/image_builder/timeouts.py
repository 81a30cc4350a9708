"""Every time limit of a deployment, in seconds, in such an order that the one that can explain itself comes
first.

A build can wait for its turn, in the account and then in CodeBuild's queue, until ``LATEST_START``. It runs
until its own timeout, at most ``MAX_BUILD``. At ``DEADLINE``, the function stops the build and responds.
``EXECUTION`` and ``SERVICE`` matter only if the function never responds. CloudFormation waits an hour at
most.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
"""

SERVICE = 3600
EXECUTION = 3540
DEADLINE = 54 * 60
MIN_BUILD, MAX_BUILD = 5 * 60, 40 * 60
LATEST_START = DEADLINE - MIN_BUILD
QUEUE = LATEST_START

FUNCTION = 240
ASSEMBLY = 120
"""How long the state that assembles an image may take; the function itself gives up earlier."""

PROPAGATION = 120
"""How long IAM may take to propagate new permissions."""
RESTART = 300
"""How long after its request a build that lacked a permission is repeated."""

IMAGE_POLL = 3
BUILD_POLL = 12
WAITING_POLL = 10
WAITING_BUILD_POLL = 20
SHORT_WAIT = 120
"""For how long after its request a build without a machine may still be one that finishes soon."""
FAILURE_IN_LOG = 30
"""How long after a build has failed its last lines may reach its log."""
ACCOUNT_LIMIT_RETRY = 20
ERROR_RETRY = 10

CACHE_EXPORT = 600
QUEUED_TOO_LONG = 240
"""A build that starts later than this after its request skips the layer cache: others are waiting."""
