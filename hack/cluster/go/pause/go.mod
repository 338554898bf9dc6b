module azwi.invalid/hack/pause

go 1.21
