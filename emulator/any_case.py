"""Paths that are compared without case, as Resource Manager and the metadata service do."""

import re
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class AnyCase(APIRoute):
    """A route that any letter case of its fixed parts leads to, with or without a slash at the end.

    Parameters and the request's own path stay as they were written.
    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/
    resource-name-rules (names and types are compared without case).
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        pattern = self.path_regex.pattern.removesuffix("$")
        self._any_case = re.compile(f"{pattern}/?", re.IGNORECASE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as if it were written like the route's."""
        match = self._any_case.fullmatch(scope["path"])
        if match is None:
            return Match.NONE, {}
        written = self.path_format.format_map(match.groupdict())
        return super().matches({**scope, "path": written})
