"""Broden+, the joint set that Unified Perceptual Parsing learns from: its reader, tables and builder.

Xiao et al., ECCV 2018, arXiv 1807.10221, section 2; formats as in github.com/CSAILVision/unifiedparsing, whose label
tables (MIT licence, beside them) come with this package.
"""
