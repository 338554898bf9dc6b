"""Names in the API that are the controller's own. Annotations of users are in `identity.names`."""

from typing import Final

GROUP: Final = "azure.workload.identity"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "FederatedIdentityCredential"
PLURAL: Final = "federatedidentitycredentials"

FINALIZER: Final = f"{GROUP}/federated-identity-credential"
"""On our objects only: the credential goes before the object does."""
MADE_FOR: Final = f"{GROUP}/service-account"
"""Label of the objects that the controller makes: a hint for people; ownership is by reference."""
COMPONENT: Final = "azwi-controller"
"""Who reports Events and manages fields."""
KOPF_PREFIX: Final = f"kopf.{GROUP}"
"""Should kopf ever write anything, it is under this prefix; nothing here makes it write."""
