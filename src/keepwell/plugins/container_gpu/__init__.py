"""What containers' definitions say of GPUs: read, found wrong, set right. Pure; makers are known by plug-ins only.

`ground` is what a node has, `compose`, `daemon`, `quadlet` and `system_container` know one kind of file each, `lint`
chooses among them.
"""
