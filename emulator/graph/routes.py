"""Microsoft Graph's paths."""

from fastapi import APIRouter

router = APIRouter(tags=["graph"])
