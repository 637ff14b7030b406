"""The forms in which annotation tools take label maps, and the shares of classes as a table: one file a form."""
