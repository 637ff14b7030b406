"""Published checkpoints, turned into models that need none of the code they were trained with."""
