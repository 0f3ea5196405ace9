"""What an administrator could write into the settings so that held images are answered."""

import json
from collections.abc import Mapping

from mumap_node.node.jobs.views import JobView
from mumap_node.node.routing import CALLING_AE_TITLE, LONGEST_SHOWN, NOT_READABLE, NOT_SHOWN

LINE_OF_REASON: Mapping[str, str] = {
    "correction-undecidable": "assume_nac = true",
    "projections": "assume_parallel_holes = true",
}
"""What the site's word in a route would be, by the reason of what waits for it."""


def settings_for(view: JobView) -> str:
    """Lines for ``mumap-node.toml`` that would admit what is held; empty where no setting would.

    They are true only if a person knows that they are: a site's word decides what it states.
    """
    if view.reason == "no-route":
        return _new_route(view)
    if view.reason == "no-reply-destination" and view.peer:
        return f'[[peers]]\nname = {_quoted(view.peer)}\nreply_to = "NAME OF A DESTINATION"\n'
    line = LINE_OF_REASON.get(view.reason)
    return f"[[routes]]\nname = {_quoted(view.route)}\n{line}\n" if line else ""


def _new_route(view: JobView) -> str:
    """A route for what was seen of the images, and for the sender where nothing could be."""
    seen = {CALLING_AE_TITLE: view.calling_ae_title, **(view.seen or {})}
    usable = {key: value for key, value in seen.items() if _is_whole(value)}
    match = ", ".join(f"{_quoted_key(key)} = {_quoted(value)}" for key, value in usable.items())
    return (
        f'[[routes]]\nname = "new"\nmatch = {{ {match} }}\n'
        'destinations = ["NAME OF A DESTINATION"]\n'
    )


def _is_whole(value: str) -> bool:
    """Whether a value is shown as it is in the header, so that a route would find it again."""
    return value not in ("", NOT_SHOWN, NOT_READABLE) and len(value) < LONGEST_SHOWN


def _quoted_key(key: str) -> str:
    """A key of TOML; a path into sequences is one key, not several."""
    return _quoted(key) if "." in key else key


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON escapes the same way."""
    return json.dumps(text)
