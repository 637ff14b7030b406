"""The families of checkpoints that can be imported, one file each; `table` lists them."""
