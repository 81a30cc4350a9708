"""An agent that speaks AgentCore Runtime's HTTP contract: GET /ping and POST /invocations on port 8080."""

import json
import platform
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


def answer(prompt: str, session: str) -> dict[str, object]:
    words = prompt.split()
    return {
        "answer": f"You wrote {len(words)} words; the last one is {words[-1]!r}"
        if words
        else "Say something",
        "machine": platform.machine(),
        "session": session,
    }


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/ping":
            self.reply(HTTPStatus.OK, {"status": "Healthy", "time_of_last_update": int(time.time())})
        else:
            self.reply(HTTPStatus.NOT_FOUND, {"error": "only GET /ping and POST /invocations are served"})

    def do_POST(self) -> None:
        if self.path != "/invocations":
            self.reply(HTTPStatus.NOT_FOUND, {"error": "only GET /ping and POST /invocations are served"})
            return
        try:
            prompt = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))["prompt"]
        except (ValueError, KeyError, TypeError):
            self.reply(HTTPStatus.BAD_REQUEST, {"error": 'the body must be JSON like {"prompt": "..."}'})
            return
        self.reply(HTTPStatus.OK, answer(str(prompt), self.headers.get(SESSION, "none")))

    def reply(self, status: HTTPStatus, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    print("listening on port 8080", flush=True)
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
