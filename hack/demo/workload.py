"""What an application does for an access token: all of it. The SDK reads the pod's variables."""

import sys

from azure.identity import WorkloadIdentityCredential

if __name__ == "__main__":
    with WorkloadIdentityCredential() as credential:
        sys.stdout.write(credential.get_token(sys.argv[1]).token)
