"""A Strands agent; `BedrockAgentCoreApp` serves `GET /ping` and `POST /invocations` on port 8080."""

import os
from typing import Any

from bedrock_agentcore import BedrockAgentCoreApp
from strands import Agent
from strands.models import BedrockModel

app = BedrockAgentCoreApp()
agent = Agent(model=BedrockModel(model_id=os.environ["MODEL_ID"]))


@app.entrypoint
def invoke(payload: dict[str, Any]) -> dict[str, str]:
    prompt = payload.get("prompt")
    if not prompt:
        return {"error": 'the payload must be JSON like {"prompt": "..."}'}
    return {"answer": str(agent(prompt)).strip()}


if __name__ == "__main__":
    app.run(host="0.0.0.0")
