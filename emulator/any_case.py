"""Paths that are compared without case, as Resource Manager and the metadata service do."""

import re
from typing import Any

from fastapi.routing import APIRoute


class AnyCase(APIRoute):
    """A route that any letter case of its fixed parts leads to, with or without a slash at the end.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/
    resource-name-rules (names and types are compared without case).
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        pattern = self.path_regex.pattern.removesuffix("$")
        self.path_regex = re.compile(f"{pattern}/?$", re.IGNORECASE)
