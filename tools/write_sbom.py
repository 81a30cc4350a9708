"""Writes sbom.cdx.json: what the packages bring along, as npm sees it, in CycloneDX.

The serial number and the time are left out, so that the same sources give the same packages.
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
