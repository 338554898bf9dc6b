"""The page that shows identities, their credentials and the last exchanges."""
