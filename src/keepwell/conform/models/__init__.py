"""Model stores: what lies in one is measured, compared with what its models need, and what is broken or left over is
planned to be set aside.

`measure` reads every byte, `judge_stock` and `plan_clean` are pure.
"""
