"""A Strands agent behind FastAPI, which serves `GET /ping` and `POST /invocations` on port 8080."""

import os

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field
from strands import Agent
from strands.models import BedrockModel


class Invocation(BaseModel):
    prompt: str = Field(min_length=1)


app = FastAPI()
agent = Agent(model=BedrockModel(model_id=os.environ["MODEL_ID"]))


@app.get("/ping")
def ping() -> dict[str, str]:
    return {"status": "Healthy"}


@app.post("/invocations")
def invoke(invocation: Invocation) -> dict[str, str]:
    return {"answer": str(agent(invocation.prompt)).strip()}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8080)
