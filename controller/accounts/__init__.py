"""From annotated ServiceAccounts to the objects that the controller makes for them."""

from controller.accounts.reconcile import AccountReconciler

__all__ = ["AccountReconciler"]
