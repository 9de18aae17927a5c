"""Changes that somebody asks for who may not make them: told before, kept, approved or refused by a person.

`asking` keeps one, `deciding` is what a person does with it, `foresight` tells what a plan or its undo would do,
`command` is the line that a person could type instead.
"""
