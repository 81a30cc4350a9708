"""The whole project definition: `make synth` turns it into package.json, tasks, workflows and the rest."""

from projen import DependencyType
from projen.awscdk import AwsCdkConstructLibrary
from projen.cdk import JsiiPythonTarget
from projen.github import GitHubOptions, PullRequestLintOptions, SemanticTitleOptions
from projen.github.workflows import Job, JobPermission, JobPermissions, JobStep, PullRequestOptions
from projen.javascript import BuildWorkflowOptions, EslintOptions, NodePackageManager, PeerDependencyOptions
from projen.python import Projenrc

PROJEN = "0.103.25"
CDK_MINIMUM, CONSTRUCTS_MINIMUM = "2.255.0", "10.5.0"
PUBLIB = "0.2.1061"
NPM_TOOLS = {
    "@stylistic/eslint-plugin": "2.13.0",
    "@types/node": "20.19.43",
    "@typescript-eslint/eslint-plugin": "8.73.0",
    "@typescript-eslint/parser": "8.73.0",
    "aws-cdk": "2.1148.1",
    "aws-cdk-lib": "2.275.0",
    "commit-and-tag-version": "12.7.3",
    "constructs": "10.8.1",
    "eslint": "9.39.5",
    "eslint-import-resolver-typescript": "3.6.3",
    "eslint-plugin-import": "2.32.0",
    "jsii": "6.0.16",
    "jsii-diff": "1.134.0",
    "jsii-docgen": "10.12.6",
    "jsii-pacmak": "1.140.0",
    "jsii-rosetta": "6.0.17",
    "typescript": "6.0.3",
}
KEYWORDS = [
    "agentcore",
    "amazon-bedrock",
    "amplify",
    "arm64",
    "aws",
    "aws-cdk",
    "awscdk",
    "bedrock",
    "bedrock-agentcore",
    "cdk",
    "codebuild",
    "container",
    "docker",
    "ecr",
]
CLASSIFIERS = ["Framework :: AWS CDK", "Framework :: AWS CDK :: 2"]
PUBLISHED = [
    "lib/**/*.js",
    "lib/**/*.d.ts",
    "lib/lambda",
    ".jsii",
    "API.md",
    "LICENSE",
    "README.md",
    "sbom.cdx.json",
]
TASKS = {
    "compile": [
        "rm -rf lib",
        "jsii --silence-warnings=metadata/missing-dev-dependency",
        "python3 tools/copy_image_builder.py",
        "python3 tools/write_sbom.py",
    ],
    "docgen": ["python3 tools/generate_api.py"],
    "package:js": ["jsii-pacmak --target js --no-npmignore"],
    "package:python": ["jsii-pacmak --target python --no-npmignore"],
    "test": ["make test"],
}
ACTIONS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1",
    "actions/setup-node": "820762786026740c76f36085b0efc47a31fe5020",
    "actions/setup-python": "a309ff8b426b58ec0e2a45f0f869d46889d02405",
}
COMMIT_TYPES = ["build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test"]
PULL_REQUEST = [
    "<!-- What changes for users, and why? Fixes #... -->",
    "",
    "- [ ] a test that failed before",
    "- [ ] documentation, and a row in docs/aws.md for each new belief about AWS",
    "- [ ] `make test` passes",
]
SETUP_PYTHON = [
    JobStep(uses="actions/setup-python", with_={"python-version": "3.13"}),
    JobStep(run="pip install -r requirements-dev.txt"),
]

project = AwsCdkConstructLibrary(
    name="arm64-agent-image",
    description="Builds an ARM64 container image for Amazon Bedrock AgentCore Runtime: "
    "with local Docker on ARM machines, with AWS CodeBuild everywhere else",
    keywords=KEYWORDS,
    homepage="https://github.com/arm64-agent-image/arm64-agent-image#readme",
    bugs_url="https://github.com/arm64-agent-image/arm64-agent-image/issues",
    license="Apache-2.0",
    stability="stable",
    author="arm64-agent-image contributors",
    author_address="https://github.com/arm64-agent-image",
    author_organization=True,
    repository_url="https://github.com/arm64-agent-image/arm64-agent-image",
    default_release_branch="main",
    srcdir="src/arm64_agent_image",
    libdir="lib",
    publish_to_pypi=JsiiPythonTarget(
        dist_name="arm64-agent-image", module="arm64_agent_image", trusted_publishing=True, attestations=True
    ),
    npm_trusted_publishing=True,
    cdk_version=CDK_MINIMUM,
    constructs_version=CONSTRUCTS_MINIMUM,
    peer_dependency_options=PeerDependencyOptions(pinned_dev_dependency=False),
    dev_deps=[f"{name}@{version}" for name, version in NPM_TOOLS.items()],
    jsii_version=NPM_TOOLS["jsii"],
    typescript_version=NPM_TOOLS["typescript"],
    projen_version=PROJEN,
    jsii_release_version=PUBLIB,
    package_manager=NodePackageManager.NPM,
    min_node_version="20.16.0",
    workflow_node_version="22",
    workflow_bootstrap_steps=SETUP_PYTHON,
    build_workflow_options=BuildWorkflowOptions(mutable_build=False),
    github_options=GitHubOptions(
        mergify=False,
        pull_request_lint_options=PullRequestLintOptions(
            semantic_title_options=SemanticTitleOptions(types=COMMIT_TYPES)
        ),
    ),
    pull_request_template_contents=PULL_REQUEST,
    bump_package=f"commit-and-tag-version@{NPM_TOOLS['commit-and-tag-version']}",
    deps_upgrade=False,
    projenrc_js=False,
    sample_code=False,
    jest=False,
    disable_tsconfig_dev=True,
    npmignore_enabled=False,
    eslint_options=EslintOptions(dirs=["src/arm64_agent_image"], devdirs=[], tsconfig_path="./tsconfig.json"),
    gitignore=[".venv/", "/build/", "cdk.out/", "__pycache__/", ".*_cache/", "*.egg-info/", "/sbom.cdx.json"],
)
Projenrc(project, python_exec="python3")
for name, version in NPM_TOOLS.items():
    project.deps.remove_dependency(name, DependencyType.BUILD)
    project.deps.add_dependency(f"{name}@{version}", DependencyType.BUILD)
assert project.eslint
project.eslint.add_rules({"no-bitwise": "off", "import/no-cycle": ["error"]})
project.npmrc.add_config("omit-lockfile-registry-resolved", "true")
project.package.add_field("files", PUBLISHED)
package_json = project.try_find_object_file("package.json")
assert package_json
package_json.add_override("jsii.targets.python.classifiers", CLASSIFIERS)
assert project.github
for action, commit in ACTIONS.items():
    project.github.actions.set(action, f"{action}@{commit}")
for name in ("/API.typescript.md", "/docs/images/*.svg"):
    project.gitattributes.add_attributes(name, "linguist-generated")
release = project.try_find_object_file(".github/workflows/release.yml")
assert release
release.add_deletion_override("jobs.release_npm.steps.11.env.NPM_REGISTRY")
minimum_cdk = project.github.add_workflow("minimum-cdk")
minimum_cdk.on(pull_request=PullRequestOptions(), workflow_dispatch={})
minimum_cdk.add_job(
    "test",
    Job(
        runs_on=["ubuntu-latest"],
        permissions=JobPermissions(contents=JobPermission.READ),
        steps=[
            JobStep(uses="actions/checkout"),
            JobStep(uses="actions/setup-node", with_={"node-version": "20"}),
            *SETUP_PYTHON,
            JobStep(run="make test-minimum-cdk"),
        ],
    ),
)
commits = project.github.add_workflow("commits")
commits.on(pull_request=PullRequestOptions())
commits.add_job(
    "check",
    Job(
        runs_on=["ubuntu-latest"],
        permissions=JobPermissions(contents=JobPermission.READ),
        steps=[
            JobStep(uses="actions/checkout", with_={"fetch-depth": 0}),
            JobStep(
                run='python3 -m tools.check_commits "origin/$BASE..HEAD"',
                env={"BASE": "${{ github.base_ref }}"},
            ),
        ],
    ),
)
for task, commands in TASKS.items():
    found = project.tasks.try_find(task)
    assert found, task
    found.reset()
    for command in commands:
        found.exec(command)
project.synth()
