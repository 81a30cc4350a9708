"""Well-known causes of failing builds, recognized by the messages of Docker, BuildKit, ECR and CodeBuild."""

import re
from collections.abc import Iterable

from .aws_errors import ALTERNATIVES

_LARGER_MACHINE = "choose a larger 'compute_type' (computeType) for the build"
_BASE_IMAGE = (
    "use base images that support linux/arm64, and remove '--platform=...' from the Dockerfile's FROM"
    " lines or set it to linux/arm64"
)
_NO_ARM = f"CodeBuild has no ARM build machines in this region: {ALTERNATIVES}"
_RATE_LIMIT = (
    "Docker Hub limits anonymous pulls: take the base image from public.ecr.aws/docker/library, or give the"
    " build 'registry_credentials' (registryCredentials)"
)
_ECR_PUBLIC_LIMIT = (
    "Amazon ECR Public limits the rate and the volume of pulls: deploy again later, or keep the base image in"
    " your own repository"
)
_NO_BASE = "a base image does not exist: check its name and tag in the Dockerfile's FROM lines"
_NO_SPACE = f"the build machine's disk is full: {_LARGER_MACHINE}, or exclude large files in .dockerignore"
_IMMUTABLE = (
    "another image already has this tag, which is immutable: deploy again to use that image, or delete it"
    " first"
)
_NO_DOCKERFILE = "the Dockerfile is not in the build context: check 'file' and .dockerignore"
_NO_MEMORY = f"the build ran out of memory: {_LARGER_MACHINE}"
_ROLE = (
    "IAM was still propagating the permissions of the build's new role, or a permissions boundary denies"
    " them: deploy again"
)
_SOURCE = (
    "the build's role cannot read the build program in the assets bucket: check the bucket policy, the policy"
    " of the bucket's KMS key, and any permissions boundary; if the role is new, deploy again"
)
_BUILDSPEC = (
    "CodeBuild cannot read the buildspec of arm64-agent-image, and deploying again does not help: report it"
    " to the authors"
)
_NO_SECRET = (
    "a secret does not exist: check the build's 'build_secrets' (buildSecrets) and 'registry_credentials'"
    " (registryCredentials)"
)
_SECRET_DENIED = (
    "the build's role cannot read a secret: check the secret's resource policy, the policy of its KMS key,"
    " and any permissions boundary"
)
_SECRET = (
    "CodeBuild cannot read a secret: check that the secrets of 'build_secrets' (buildSecrets) and"
    " 'registry_credentials' (registryCredentials) exist in this region and have the JSON keys that the app"
    " names"
)
_BAD_LOGIN = (
    "a registry rejects the login: check 'username' and 'password' in the secret of 'registry_credentials'"
    " (registryCredentials)"
)
_NO_PULL = (
    "a base image cannot be pulled: check its name, grant the image pull access to the ECR repository, or"
    " give the build 'registry_credentials' (registryCredentials)"
)
_DENIED = "the registry denies access: check for a repository policy or permissions boundary, or deploy again"
_NO_FILE = (
    "a file that the Dockerfile copies is not in the build context: check its path, .dockerignore and"
    " 'exclude'"
)
_NO_NETWORK = "the build could not reach a host"
_DOCKER = "use a 'build_image' (buildImage) that has Docker and buildx, as the default has"

_HINTS = (
    (r"exec format error", f"the build ran a program for another architecture: {_BASE_IMAGE}"),
    (r", which the image starts, is for [\w -]+, not for arm64", f"the image would not start: {_BASE_IMAGE}"),
    (r"no match for platform in manifest", f"a base image does not support linux/arm64: {_BASE_IMAGE}"),
    (r"no matching manifest for linux/arm64", f"a base image does not support linux/arm64: {_BASE_IMAGE}"),
    (r"does not match the specified platform", f"a base image does not support linux/arm64: {_BASE_IMAGE}"),
    (r"ARM_CONTAINER", _NO_ARM),
    (r"toomanyrequests: (?:Rate|Data limit) exceeded", _ECR_PUBLIC_LIMIT),
    (r"toomanyrequests|pull rate limit|unexpected status.*429 Too Many Requests", _RATE_LIMIT),
    (r"no space left on device", _NO_SPACE),
    (r"tag is immutable|cannot be overwritten because", _IMMUTABLE),
    (r"failed to read dockerfile|failed to (?:find|locate) dockerfile", _NO_DOCKERFILE),
    (r"target stage .* could not be found", "the Dockerfile has no such stage: check 'target'"),
    (r"exit code: 137|signal: killed|[Cc]annot allocate memory|OutOfMemory|[Oo]ut of memory", _NO_MEMORY),
    (r"YAML_FILE_ERROR", _BUILDSPEC),
    (r"Secrets Manager can.?t find|ParameterNotFound|[Pp]arameter does not exist", _NO_SECRET),
    (r"Decrypted Variables Error.*(?:AccessDenied|not authorized)", _SECRET_DENIED),
    (r"Decrypted Variables Error", _SECRET),
    (r"Access ?Denied.*for primary source", _SOURCE),
    (
        r"does not allow AWS CodeBuild|not authorized to perform: (?:s3|logs|sts|kms|secretsmanager|ssm):",
        _ROLE,
    ),
    (r"S3.*(?:AccessDenied|Access Denied)|(?:AccessDenied|Access Denied).*S3", _ROLE),
    (r"incorrect username or password", _BAD_LOGIN),
    (r"pull access denied|insufficient_scope|no basic auth credentials", _NO_PULL),
    (r"unexpected status from (?:POST|PATCH|PUT) request.*(?:401 Unauthorized|403 Forbidden)", _DENIED),
    (r"(?:unexpected status|failed to authorize).*(?:401 Unauthorized|403 Forbidden)", _NO_PULL),
    (r"failed to resolve source metadata.*not found", _NO_BASE),
    (r"not authorized to perform: ecr:|(?<![Pp]ermission )denied: ", _DENIED),
    (r"failed to (?:compute cache key|calculate checksum).*not found", _NO_FILE),
    (r"[Tt]emporary failure (?:in name resolution|resolving)|[Cc]ould not resolve host", _NO_NETWORK),
    (r"no such host|[Nn]etwork is unreachable|i/o timeout", _NO_NETWORK),
    (r"[Cc]onnection timed out|TLS handshake timeout", _NO_NETWORK),
    (r"Cannot connect to the Docker daemon", f"the build machine runs no Docker: {_DOCKER}"),
    (r"docker: command not found", f"the build machine has no Docker: {_DOCKER}"),
    (
        r"unknown command: docker buildx|'buildx' is not a docker command",
        f"there is no buildx: {_DOCKER}",
    ),
)
_IN_VPC = ": the VPC subnets need a route to the internet (NAT) or endpoints for what the build downloads"
_ANYWHERE = ": check the address and whether the host is up, then deploy again"


def hint(lines: Iterable[str], *, in_vpc: bool) -> str | None:
    """What to do about the last line that shows a well-known cause, or None."""
    for line in reversed(list(lines)):
        for pattern, advice in _HINTS:
            if re.search(pattern, line):
                return advice + (_IN_VPC if in_vpc else _ANYWHERE) if advice is _NO_NETWORK else advice
    return None
