"""Everything that the rehearsal changes inside ministack: where it differs from AWS in what the library does.

`partition.py` is the one exception: it rewrites sources before they are imported.
`test_ministack_patches.py` fails when a new version of ministack has changed what is patched here.
"""

from __future__ import annotations

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import (
    bedrock_agentcore,
    cloudcontrol,
    codebuild,
    ecr,
    lambda_svc,
    stepfunctions,
)
from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

from . import (
    agentcore,
    agentcore_invocations,
    cloudformation,
    codebuild_projects,
    express,
    iam,
    image_uploads,
    lambda_errors,
    registry,
    resource_import,
    vpc,
)
from . import codebuild as codebuild_builds
from . import stepfunctions as stepfunctions_permissions
from .patching import Patch, adds, replaces, wraps

RESOURCES = provisioners._RESOURCE_HANDLERS
ACTIONS = handlers._ACTION_HANDLERS
ROLE, POLICY = RESOURCES["AWS::IAM::Role"], RESOURCES["AWS::IAM::Policy"]
PROJECT, REPOSITORY = RESOURCES["AWS::CodeBuild::Project"], RESOURCES["AWS::ECR::Repository"]

IDENTITY = (
    replaces(
        app, "pin_request_origin", iam.pin_origin_as_tls, "de819c1b",
        "ministack serves plain HTTP, which the policy of the bootstrap bucket denies",
    ),
    replaces(
        iam_actions, "extract_resource_arn", iam.resource_arn, "82f51700",
        "ministack checks calls for builds, repositories and log streams against '*'; IAM uses ARNs",
    ),
    replaces(
        iam_evaluator, "enforce", iam.enforce, "cf64b1ee",
        "ministack enforces a new permission at once; IAM takes seconds",
    ),
)  # fmt: skip
REGISTRY = (
    wraps(
        ecr, "handle_registry_request", registry.held, "8d092cb9",
        "the scenarios hold a push to look at what happens meanwhile",
    ),
    replaces(
        ecr, "_v2_put_manifest", registry.put_manifest, "61f30e54",
        "the scenarios plan pushes that fail, and read which ones took place",
    ),
    replaces(
        ecr, "_batch_get_image", registry.batch_get_image, "b9c1da9c",
        "the scenarios plan images over AgentCore's limit of 2 GB without building them",
    ),
    replaces(
        ecr, "_describe_images", registry.describe_images, "86c7f7b2",
        "ministack ignores an image that does not exist; ECR returns ImageNotFoundException",
    ),
    replaces(
        ecr, "_get_download_url_for_layer", registry.get_download_url_for_layer, "56e5002b",
        "ministack returns a URL on AWS for any digest; the blob is in its own registry",
    ),
    *(
        replaces(
            ecr, name=name, by=by, fingerprint=fingerprint,
            reason="ministack forgets layers that ECR's own API uploads, and checks nothing",
        )
        for name, by, fingerprint in (
            ("_initiate_layer_upload", image_uploads.initiate, "26e291de"),
            ("_upload_layer_part", image_uploads.upload_part, "4f021007"),
            ("_complete_layer_upload", image_uploads.complete, "372be644"),
            ("_put_image", image_uploads.put_image, "657a41f5"),
        )
    ),
    wraps(
        REPOSITORY, "create", cloudformation.refusing_taken_names, "4b5b82d3",
        "ministack takes over a repository whose name is taken; CloudFormation refuses: AlreadyExists",
    ),
)  # fmt: skip
BUILDS = (
    replaces(
        codebuild, "_start_build", codebuild_builds.start_build, "661025bb",
        "ministack records builds without running them, and ignores overrides, tokens and quotas",
    ),
    replaces(
        codebuild, "_stop_build", codebuild_builds.stop_build, "80f60ae7",
        "ministack only marks the build as stopped; CodeBuild ends its commands",
    ),
    *(
        wraps(
            codebuild, name=name, by=codebuild_projects.refusing, fingerprint=fingerprint,
            reason="ministack accepts names, buildspecs, variables and Docker servers that CodeBuild refuses",
        )
        for name, fingerprint in (("_create_project", "5f58e8a1"), ("_update_project", "bc9aaf4e"))
    ),
    wraps(
        PROJECT, "create", codebuild_projects.creating, "294d8586",
        "ministack accepts what CodeBuild refuses, and drops timeouts, log group and VPC",
    ),
    wraps(
        PROJECT, "update", codebuild_projects.updating, "c4e366a4",
        "ministack accepts what CodeBuild refuses, and drops timeouts, log group and VPC",
    ),
)  # fmt: skip
FUNCTIONS = (
    replaces(
        lambda_svc, "_execute_function_warm", lambda_errors.execute, "62b9218b",
        "ministack reports every exception as Runtime.HandlerError; Lambda reports its class",
    ),
    replaces(
        stepfunctions, "_execute_task", stepfunctions_permissions.execute_task, "53c818d2",
        "ministack runs a task without the role of its state machine",
    ),
    replaces(
        stepfunctions, "_call_lambda", stepfunctions_permissions.call_lambda, "25830369",
        "ministack lets a state machine invoke any function; on AWS its role must allow it",
    ),
)  # fmt: skip
AGENTCORE = (
    adds(
        RESOURCES, agentcore.TYPE, {**agentcore.HANDLER, "import": resource_import.import_runtime},
        "ministack has AgentCore's API, but not its CloudFormation type",
    ),
    wraps(
        cloudcontrol, name="_get_resource", fingerprint="cdfbd103",
        by=lambda theirs: agentcore.for_runtimes(agentcore.get_resource, theirs),
        reason="the CDK CLI hotswaps a Runtime through Cloud Control, where ministack lacks the type",
    ),
    wraps(
        cloudcontrol, name="_update_resource", fingerprint="a38358fc",
        by=lambda theirs: agentcore.for_runtimes(agentcore.update_resource, theirs),
        reason="the CDK CLI hotswaps a Runtime through Cloud Control, where ministack lacks the type",
    ),
    replaces(
        bedrock_agentcore, "_docker_client", lambda: agentcore_invocations.DOCKER, "82508ed8",
        "ministack needs the Docker SDK; the rehearsal has an engine and its command line",
    ),
    replaces(
        bedrock_agentcore, name="_container_invocations_url", by=agentcore_invocations.invocations_url,
        fingerprint="269cee55", reason="ministack pulls from ECR's host name, which does not exist here",
    ),
)  # fmt: skip
NETWORK = (
    adds(RESOURCES, "AWS::EC2::EIP", vpc.ADDRESS_HANDLER, "ministack lacks the type; a NAT gateway needs it"),
    adds(RESOURCES, "AWS::EC2::NatGateway", vpc.NAT_GATEWAY_HANDLER, "ministack lacks the type"),
)
STACKS = (
    replaces(
        (stacks, changesets), "_topological_sort", cloudformation.eager_order, "13ee9ab0",
        "ministack creates resources by name, one by one; AWS starts each when its dependencies exist",
    ),
    replaces(
        (stacks, handlers, changesets), "_add_event", cloudformation.recorded_event, "0adea13d",
        "the scenarios read a journal of events, and express mode changes what events say",
    ),
    replaces(
        (handlers, changesets), name="validate_template_support", fingerprint="7c997894",
        by=cloudformation.refuse_unresolved_references,
        reason="ministack accepts references to missing resources; CloudFormation rejects the template",
    ),
    wraps(
        (handlers, changesets), "_error", cloudformation.worded_for_the_cli, "6db6223a",
        "the CDK CLI recognizes a missing stack by the words of CloudFormation; ministack has others",
    ),
    replaces(
        provisioners, "_custom_resource_update", cloudformation.keep_service_token, "f19eb490",
        "ministack lets a custom resource change its ServiceToken; CloudFormation refuses",
    ),
    adds(
        ACTIONS, "DescribeType", cloudformation.describe_type,
        "ministack lacks the action; the CDK CLI calls it before a hotswap, and retries for 45 seconds",
    ),
    adds(
        changesets._IMPORT_LOOKUPS, agentcore.TYPE, (("AgentRuntimeId",), resource_import.runtime_problem),
        "ministack does not import this type",
    ),
    adds(
        changesets._IMPORT_LOOKUPS, "AWS::ECR::Repository",
        (("RepositoryName",), resource_import.repository_problem), "ministack does not import this type",
    ),
    adds(REPOSITORY, "import", resource_import.import_repository, "ministack does not import this type"),
)  # fmt: skip
ROLES = tuple(
    patch
    for handler, create, update in ((ROLE, "2d7e3d8e", "4f403908"), (POLICY, "e6a70f2b", "bc0fe62d"))
    for patch in (
        wraps(
            handler, name="create", fingerprint=create,
            by=lambda theirs: express.granting_on_create(cloudformation.limited_policies(theirs, 1)),
            reason="ministack has no quota for a role's policies, and enforces them at once in express mode",
        ),
        wraps(
            handler, name="update", fingerprint=update,
            by=lambda theirs: express.granting_on_update(cloudformation.limited_policies(theirs, 2)),
            reason="ministack has no quota for a role's policies, and enforces them at once in express mode",
        ),
    )
)  # fmt: skip
EXPRESS = (
    replaces(
        (handlers, changesets), "_deploy_stack_async", express.run_operation, "34c0aed7",
        "ministack ignores express mode",
    ),
    replaces(
        stacks, "_replacing_change", express.refuse_replacement_without_rollback, "4ccb54be",
        "ministack replaces resources in an operation without rollback; CloudFormation refuses",
    ),
    *(
        wraps(
            ACTIONS, name=name, fingerprint=fingerprint, by=by,
            reason="ministack ignores express mode",
        )
        for name, fingerprint, by in (
            ("CreateStack", "84e0df89", lambda theirs: express.with_mode(theirs, is_change_set=False)),
            ("UpdateStack", "6a6a6ca3", lambda theirs: express.with_mode(theirs, is_change_set=False)),
            ("CreateChangeSet", "06b31550", lambda theirs: express.with_mode(theirs, is_change_set=True)),
            ("ExecuteChangeSet", "a4df5e50", express.as_the_change_set_says),
            ("RollbackStack", "5236acf0", express.refusing_rollback_of_express),
            ("DescribeStacks", "e52b86a4", lambda theirs: express.showing_mode(theirs, "StackId")),
            ("DescribeChangeSet", "e6d4a62f", lambda theirs: express.showing_mode(theirs, "ChangeSetId")),
        )
    ),
)  # fmt: skip
PATCHES: tuple[Patch, ...] = (
    *IDENTITY, *REGISTRY, *BUILDS, *FUNCTIONS, *AGENTCORE, *NETWORK, *STACKS, *ROLES, *EXPRESS,
)  # fmt: skip


def install() -> None:
    """Apply every patch."""
    for patch in PATCHES:
        patch.apply()
