"""Exact algebra: the same numbers as the papers' formulas for a fraction of the work.

Convolutions over upsampled maps are computed before upsampling, labels without scores at the picture's size, losses in
bands of rows. Nothing here is an approximation: results are equal up to floating-point rounding.
"""
