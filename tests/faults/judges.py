"""What a 5xx answer must say when it is expected."""

import re

from tests.faults.client import Judge
from tests.faults.wire import Answer


def clear_503(words: str) -> Judge:
    """Judges that the answer is a 503 with the spec's error body, whose sentence names the trouble."""

    def judge(answer: Answer) -> str:
        if answer.status != 503:
            return f"answered {answer.brief()}"
        try:
            error = answer.errors()[0]
        except ValueError as wrong:
            return f"answered 503 without the spec's error body: {wrong}"
        if not re.fullmatch("[A-Z_]+", str(error.get("code", ""))):
            return f"answered 503 with the code {error.get('code')!r}"
        if not re.search(words, str(error.get("message", "")), re.IGNORECASE):
            return f"answered 503 with {error.get('message')!r}, which does not say {words!r}"
        return ""

    return judge


says_full = clear_503("full|no space")
says_read_only = clear_503("read-only|read only")
any_503 = clear_503("[a-z]")


def busy_or_503(answer: Answer) -> str:
    """Where replicas die, a session is busy for others until the lease of its dead writer lapses."""
    return "" if answer.status == 429 else any_503(answer)
