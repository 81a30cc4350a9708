"""The error that a person who deploys reads in CloudFormation's events."""

from .text import truncate

LIMIT = 2000


class ImageBuildError(Exception):
    """What is wrong and what to do about it, in at most ``LIMIT`` bytes of JSON.

    CloudFormation rejects a response of more than 4,096 bytes.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
    """

    def __init__(self, message: str) -> None:
        super().__init__(truncate(message, LIMIT))
