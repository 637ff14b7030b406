"""Training: the loop, losses, schedules, checkpoints, resume and sweeps. Nothing here knows the command line.

Names are imported from their modules (`sceneparse.training.loop.train`), so that the table of losses can be read
without torch.
"""
