"""Writes sbom.cdx.json: the packages' dependencies as npm resolves them, in CycloneDX format.

It has no serial number and no time, so that the same sources give the same packages.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMAND = ("npm", "sbom", "--sbom-format=cyclonedx", "--package-lock-only", "--omit=dev", "--omit=peer")


def main() -> None:
    answer = subprocess.run(COMMAND, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    document = json.loads(answer)
    del document["serialNumber"], document["metadata"]["timestamp"]
    document["metadata"]["component"]["name"] = "arm64-agent-image"
    (ROOT / "sbom.cdx.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
