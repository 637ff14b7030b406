"""Several processes that work on one thing: how they are started, who they are, and what they tell each other.

torch is imported only where processes talk, so that the command line can start them at once.
"""

from sceneparse.processes.group import ALONE, Processes, join, lost_peer
from sceneparse.processes.launch import LOST, end_with_parent, failed, launch, supervised, to_launch
from sceneparse.processes.membership import Member, leads, membership

__all__ = [
    "ALONE",
    "LOST",
    "Member",
    "Processes",
    "end_with_parent",
    "failed",
    "join",
    "launch",
    "leads",
    "lost_peer",
    "membership",
    "supervised",
    "to_launch",
]
