"""An agent that uses a package of the same repository."""

from typing import Any

from bedrock_agentcore import BedrockAgentCoreApp
from house_style import greeting


def answer(payload: dict[str, Any]) -> dict[str, str]:
    return {"answer": greeting(str(payload.get("name", "stranger")))}


app = BedrockAgentCoreApp()
app.entrypoint(answer)
app.run()
