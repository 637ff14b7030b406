"""The forms of output of a parse: what each is called, what makes it, and which of them a run writes."""
