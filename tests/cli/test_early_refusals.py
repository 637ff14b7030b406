"""More mistakes that are answered in the time that Python takes to start; see `test_start_up`."""

from pathlib import Path

from tests.cli.test_start_up import refused


def test_a_folder_or_a_file_without_a_checkpoint_to_import(tmp_path: Path) -> None:
    for name in ("notes/notes.txt", "pairs/encoder_1.pth", "pairs/encoder_2.pth", "half/encoder_1.pth", "half/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "trained" / "checkpoint-500").mkdir(parents=True)
    refused(
        tmp_path,
        {
            "import notes --out m": "notes: holds no checkpoint: neither model.safetensors nor",
            "import pairs --out m": "pairs: holds 2 encoders; name the one to import",
            "import half --out m": "its decoder decoder_1.pth is not beside it",
            "import half/encoder_1.pth --out m": "its decoder decoder_1.pth is not beside it",
            "import trained --out m": "trained: holds the checkpoints of a training; name one, such as trained/checkp",
        },
    )
