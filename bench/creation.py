"""The resources before the first build, from the templates."""

from __future__ import annotations

import shutil

from tools.creation_order import seconds_before

from .contexts import agent
from .images import needed, template
from .measurement import Bench
from .processes import WITHOUT_VALIDATION, python

PEER = "deploy-time-build, tag"
IMAGES = {
    "CodeBuild": "Custom::Arm64AgentImage",
    PEER: "Custom::CDKContainerImageBuild",
    "deploy-time-build, image_tag": "Custom::CDKContainerImageBuild",
}


def creation(bench: Bench) -> None:
    """The longest chain by usual creation times, and how many resources the build waits for."""
    directory = agent(bench.new_folder())
    for subject, kind in IMAGES.items():
        output = bench.folder / "cdk.out"
        shutil.rmtree(output, ignore_errors=True)
        python("-m", "bench.apps", subject, str(output), str(directory), more=WITHOUT_VALIDATION)
        resources = template(output)["Resources"]
        (image,) = [name for name, resource in resources.items() if resource["Type"] == kind]
        reference = "" if subject == PEER else PEER
        chain = seconds_before(resources, image)
        bench.add("longest chain, usual times", subject, "s", chain, reference=reference)
        count = len(needed(resources, image))
        bench.add("resources before the build", subject, "resources", count, reference=reference)
