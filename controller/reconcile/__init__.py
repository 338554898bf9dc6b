"""From objects to credentials in Entra ID: observe, plan, apply, tell; one identity at a time."""

from controller.reconcile.identity import IdentityReconciler
from controller.reconcile.parts import Parts, Rules
from controller.reconcile.removals import Removals
from controller.reconcile.resources import ResourceReconciler, Resources

__all__ = ["IdentityReconciler", "Parts", "Removals", "ResourceReconciler", "Resources", "Rules"]
