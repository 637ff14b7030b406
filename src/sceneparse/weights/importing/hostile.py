"""Names in a pickle that no training leaves beside its weights, and those that are of no interest to people."""

import re

HOSTILE = re.compile(
    r"(os|nt|posix|sys|subprocess|shutil|socket|pty|ctypes|runpy|importlib|imp|code|codeop|commands|webbrowser|pdb|bdb|"
    r"asyncio|multiprocessing|threading|signal|pip|urllib|http|ftplib|smtplib|requests|tempfile|glob|zipimport|marshal|"
    r"pickle|_pickle|cloudpickle|dill|gc|timeit|cProfile|profile|trace|platform|torch\.hub|"
    r"torch\.utils\.cpp_extension|torch\._inductor|torch\.jit|numpy\.testing|numpy\.f2py)(\.|$)"
    r"|(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|input|breakpoint|help|globals|locals|vars|"
    r"setattr|delattr|file|apply)$"
    r"|_?io\.(open|open_code|FileIO)$"
    r"|operator\.(attrgetter|methodcaller|itemgetter)$"
)
"""What runs programs, loads code or reaches other files: no class that a training leaves beside its weights."""

LEFT = frozenset({"_codecs.encode", "builtins.getattr", "__builtin__.getattr", "copyreg._reconstructor"})
"""What other values are put together with: of no interest to people."""
