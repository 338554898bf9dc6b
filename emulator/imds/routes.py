"""The instance metadata service's paths."""

from fastapi import APIRouter

router = APIRouter(tags=["imds"])
