"""Broden+, the joint set that Unified Perceptual Parsing learns from: its reader, tables and builder.

Xiao et al., ECCV 2018, arXiv 1807.10221, section 2; formats as in github.com/CSAILVision/unifiedparsing, whose label
tables (MIT licence, beside them) come with this package.
"""

from sceneparse.datasets.broden.ade20k_full import open_ade20k_full
from sceneparse.datasets.broden.build import Built, build_broden
from sceneparse.datasets.broden.dataset import open_broden
from sceneparse.datasets.broden.tables import BrodenTables, published_tables

__all__ = ["BrodenTables", "Built", "build_broden", "open_ade20k_full", "open_broden", "published_tables"]
