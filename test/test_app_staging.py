"""Apps that keep their assets in a staging stack: both modes, with and without a KMS key."""

from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3

from test.synth import IMAGE, RUNTIME, Assembly, Template, canonical, new_image, new_runtime, synthesize

staging = pytest.importorskip("aws_cdk.app_staging_synthesizer_alpha", reason="needs a newer CDK")
ENVIRONMENTS = {
    "known": Environment(account="123456789012", region="eu-west-1"),
    "unknown": Environment(),
}
BUCKETS = {
    "known": "cdk-agents-staging-123456789012-eu-west-1/",
    "unknown": "cdk-agents-staging-${AWS::AccountId}-${AWS::Region}",
}


def staging_stack(assembly: Assembly) -> Template:
    (template,) = [t for name, t in assembly.templates.items() if name.startswith("StagingStack-")]
    return template


def staged(output: Path, agent: Path, mode: str, env: str, encryption: str = "S3_MANAGED") -> Assembly:
    resources = staging.AppStagingSynthesizer.default_resources(
        app_id="agents", staging_bucket_encryption=s3.BucketEncryption[encryption]
    )
    app = App(
        outdir=str(output),
        analytics_reporting=False,
        context={"arm64-agent-image:build": mode},
        default_stack_synthesizer=resources,
    )
    stack = Stack(app, "Agent", env=ENVIRONMENTS[env])
    image = new_image(stack, agent, image_build=None)
    image.bind_runtime(new_runtime(stack, image))
    return synthesize(app)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_local_image_uses_a_repository_of_the_staging_stack(tmp_path: Path, agent: Path, env: str) -> None:
    assembly = staged(tmp_path, agent, "local", env)
    (repository,) = staging_stack(assembly).all("AWS::ECR::Repository")
    name = repository.properties["RepositoryName"]
    assert f"/{name}:" in canonical(assembly["Agent"].container_uri)
    (policy,) = [p for p in assembly["Agent"].all("AWS::IAM::Policy") if "ImagePull" in p.logical_id]
    assert f"repository/{name}" in canonical(policy.properties)
    assert policy.logical_id in assembly["Agent"].only(RUNTIME).depends_on


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("encryption", ["KMS", "S3_MANAGED"])
def test_a_build_reads_its_source_from_the_staging_bucket(
    tmp_path: Path, agent: Path, env: str, encryption: str
) -> None:
    assembly = staged(tmp_path, agent, "codebuild", env, encryption)
    template = assembly["Agent"]
    assert BUCKETS[env] in canonical(template.only(IMAGE).properties["Source"])
    role = template.only("AWS::CodeBuild::Project").properties["ServiceRole"]["Fn::GetAtt"][0]
    statements = template.named(role).properties["Policies"][0]["PolicyDocument"]["Statement"]
    keys = [s["Resource"] for s in statements if s["Action"] == "kms:Decrypt"]
    if encryption == "S3_MANAGED":
        assert keys == []
    else:
        (key,) = keys
        exports = staging_stack(assembly).body["Outputs"]
        (value,) = [o["Value"] for o in exports.values() if o["Export"]["Name"] == key["Fn::ImportValue"]]
        assert value["Fn::GetAtt"][0] == staging_stack(assembly).only("AWS::KMS::Key").logical_id
