"""What scenarios share: steps run one after the other, and each prints one line of JSON."""

import json
import sys
from collections.abc import Callable


def run_steps(steps: dict[str, Callable[[], dict]]) -> int:
    """Runs the steps that the command line names, or all; 0 only if every step was ok.

    A step returns facts; one that raises has failed.
    """
    wanted = sys.argv[1:] or list(steps)
    unknown = [name for name in wanted if name not in steps]
    if unknown:
        raise SystemExit(f"no such step: {', '.join(unknown)}")
    failed = False
    for name in wanted:
        try:
            line = {"step": name, "ok": True, **steps[name]()}
        except Exception as error:  # an agent would see just this
            line = {"step": name, "ok": False, **facts_of(error)}
            failed = True
        print(json.dumps(line), flush=True)
    return 1 if failed else 0


def thrown(work: Callable[[], object]) -> dict:
    """What the SDK raises, as facts; fails when it raises nothing."""
    try:
        work()
    except Exception as error:
        return facts_of(error)
    raise AssertionError("the call should have failed")


def facts_of(error: Exception) -> dict:
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None)
    return {
        "name": type(error).__name__,
        "message": str(error),
        # google-genai has the status in `code`.
        "status": code if status is None and isinstance(code, int) else status,
        "code": code if isinstance(code, str) else None,
    }
