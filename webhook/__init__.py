"""The mutating admission webhook: a labelled pod gets its token volume and the variables SDKs read."""
