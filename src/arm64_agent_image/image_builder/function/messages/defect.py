"""The message for a defect of this library."""

import os
import traceback

from ...text import printable, truncate


def unexpected(error: Exception) -> str:
    """What to do about an unexpected exception, whose traceback goes to the function's log."""
    traceback.print_exception(error)
    said = truncate(f"{type(error).__name__}: {printable(str(error))}", 600)
    log_group = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "of the function")
    return (
        f"unexpected {said}: deploy again; if it persists, report it to the authors of arm64-agent-image with"
        f" the traceback in log group {log_group}"
    )
