"""Several processes that work on one thing: how they are started, who they are, and what they exchange.

torch is imported only where processes talk, so that the command line can start them at once.
"""

from sceneparse.processes.group import ALONE, Processes, join, lost_peer
from sceneparse.processes.launch import LOST, STOPPED, end_with_parent, failed, launch, leave, supervised, to_launch
from sceneparse.processes.membership import Member, leads, membership

__all__ = [
    "ALONE",
    "LOST",
    "STOPPED",
    "Member",
    "Processes",
    "end_with_parent",
    "failed",
    "join",
    "launch",
    "leads",
    "leave",
    "lost_peer",
    "membership",
    "supervised",
    "to_launch",
]
