"""The mutating admission webhook: a labelled pod gets a token volume and the SDKs' variables."""
