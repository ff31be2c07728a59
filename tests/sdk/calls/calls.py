"""Makes calls through the gateway and tells of each, a JSON line a call: the actions that its requests are, and the error it raised."""

import json
import os
import subprocess


def call(actions, make, denied=False):
    """Makes a call whose requests are these actions, in this order. If it is denied, it is the last one that is."""
    error, text = None, ""
    try:
        make()
    except Exception as raised:  # noqa: BLE001
        error, text = f"{type(raised).__module__.split('.')[0]}.{type(raised).__name__}", str(raised)
    tell(actions, denied, error, text)


def denied(actions, make):
    call(actions, make, denied=True)


def command(actions, *words, denied=False):
    """Runs a program whose requests are these actions."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    tell(actions, denied, f"exit {done.returncode}" if done.returncode else None, done.stdout + done.stderr)


def denied_command(actions, *words):
    command(actions, *words, denied=True)


def tell(actions, denied, error, text):
    print(json.dumps({"actions": actions.split(), "denied": denied, "error": error, "text": text}), flush=True)
