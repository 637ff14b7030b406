"""What annotation tools export as JSON: a file for each tool, and what they share: records, classes, splits, filling.

A sample is a picture and the record of what was drawn on it; the label map is made of it when the sample is read, pixel
by pixel as the tool itself makes its masks.
"""
