"""The errors of building images, told apart by what a caller can do.

ImagesError
  NoTool        neither a Docker engine nor buildah is here; names what was tried
  NoBase        no base image can be had: no registry is in reach, and no stand-in can be made
  BadSetting    what was asked for can't be followed
  BuildFailed   a program ended badly; carries its last lines
"""

# ruff: noqa: N818  as in hack.cluster: "NoTool" says all


class ImagesError(Exception):
    """Every error of this package; its text is made for people, the first line says it all."""


class NoTool(ImagesError):
    """Nothing here builds images."""


class NoBase(ImagesError):
    """There is nothing to build upon."""


class BadSetting(ImagesError):
    """What was asked for cannot be followed."""


class BuildFailed(ImagesError):
    """A program that was to do a part of the work ended badly."""
