"""Asking a model about this machine: who is asked, how, with which tools, and what leaves the machine.

`keepwell.ask` is the conversation; here are its ears and hands: the wire, the operations that only read, and the owner.
"""
