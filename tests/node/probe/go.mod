module azwi.invalid/tests/probe

go 1.21
