"""Import published checkpoints as models that need none of the code they were trained with."""
