"""The two commands of the AWS CLI that the buildspec uses, with the credentials of the build's role."""

import base64
import sys

import boto3
import botocore.exceptions


def main() -> None:
    """Print the password for `docker login`."""
    service = sys.argv[1]
    if sys.argv[1:3] != ["ecr", "get-login-password"]:
        sys.exit(f"the rehearsal has no {service}")
    region = next(value.partition("=")[2] for value in sys.argv if value.startswith("--region="))
    try:
        answer = boto3.client("ecr", region_name=region).get_authorization_token()
    except botocore.exceptions.ClientError as error:
        sys.exit(f"An error occurred: {error}")
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    print(token.partition(":")[2])


main()
