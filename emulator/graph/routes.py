"""Microsoft Graph's paths, under both of its versions."""

from emulator.graph import applications, batch, credentials, owners, passwords, principals
from emulator.graph.description import GraphRoute, GraphRouter, serve

router = GraphRouter(tags=["graph"], route_class=GraphRoute)

for part in (applications, passwords, owners, credentials, principals, batch):
    for operation in part.OPERATIONS:
        serve(router, operation, "v1.0", described=True)
        serve(router, operation, "beta", described=False)
