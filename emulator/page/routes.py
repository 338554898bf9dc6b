"""The page's paths."""

from fastapi import APIRouter

router = APIRouter(tags=["page"])
