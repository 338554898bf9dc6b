"""Azure Resource Manager's paths."""

from fastapi import APIRouter

router = APIRouter(tags=["arm"])
