"""Model stores of this machine: which there are, what is wrong in them, and the plan that sets it aside."""
