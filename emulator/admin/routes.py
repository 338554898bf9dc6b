"""The admin API's paths."""

from fastapi import APIRouter

router = APIRouter(tags=["admin"])
