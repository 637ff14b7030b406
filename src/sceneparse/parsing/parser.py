"""From a picture in any form to its `Parse`."""

import operator
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor

from sceneparse.arguments import argument, check_array, check_flag, check_type, checked_size, shown
from sceneparse.calls import methods_by_name
from sceneparse.errors import UserError, counted, require
from sceneparse.inference.later import Later, begun, behind, in_turn, then
from sceneparse.inference.open_model import Opened
from sceneparse.inference.protocol import TestProtocol, resolve
from sceneparse.parsing.ahead import ahead
from sceneparse.parsing.beginning import begin_parses
from sceneparse.parsing.chosen_tasks import chosen_tasks
from sceneparse.parsing.opening import PictureRead, PictureReader
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.pixels import Picture, is_batch, is_picture, named_by_caller, taken
from sceneparse.parsing.remarks import doubts_of
from sceneparse.pictures.headers import Header
from sceneparse.pictures.rasters import BandForm
from sceneparse.recipes.keywords import in_load
from sceneparse.settings import ProtocolSettings
from sceneparse.settings.ranges import checked_ranges
from sceneparse.tasks import OTHERS, Task, TaskName
from sceneparse.weights.hub import push_to_hub

if TYPE_CHECKING:
    from sceneparse.parsing.loading import Loading


@methods_by_name("parser", elsewhere=in_load)
class Parser:
    """Parses pictures: `parser("street.jpg").overlay().show()`.

    Of a list of pictures a call gives an iterator, which parses each when asked for: `for parse in parser(names)`.

    Args:
        opened: The model, opened.
        protocol: How pictures are tested. Default: the model's own.
        tasks: Which tasks are parsed beside the objects, which always are. Default: all that the model knows.
        loading: How `load` was called for it.
        ranges: The numbers that become black and white in pictures of more than 8 bits; see `with_ranges`.

    Attributes:
        engine: What gives the scores.
        why_engine: Why it is this one; empty where nobody chose it.
        labels: The classes.
        config: The model's settings.
        fingerprint: SHA-256 of the model's weights, settings and classes: equal for equal models, wherever they lie.
        protocol: How pictures are tested.
        tasks: The label spaces of the tasks beside the objects; None for the objects alone.
        loading: How to load it again; None if it wasn't made by `load`.
        ranges: The ranges that it was given; empty where those of the training count.

    Raises:
        UserError: A protocol that doesn't hold together, or a task that the model doesn't have.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        protocol: ProtocolSettings | None = None,
        tasks: Collection[TaskName] | None = None,
        loading: "Loading | None" = None,
        ranges: Iterable[tuple[float, float]] | tuple[float, float] | None = None,
    ) -> None:
        check_type("opened", opened, Opened, "an opened model: sceneparse.load opens one and makes a Parser of it")
        self._opened = opened
        self.engine = opened.engine
        self.why_engine = opened.why
        self.labels = opened.labels
        self.config = opened.config
        self.fingerprint = opened.fingerprint
        self._protocol = protocol
        own = opened.config.protocol if protocol is None else protocol
        self.protocol: TestProtocol = resolve(own, opened.config.sizes)
        self.tasks = chosen_tasks(opened, tasks)
        self._wanted = tasks
        self._said = set[str]()
        self.ranges = BandForm(ranges=checked_ranges("ranges", ranges)).ranges
        if len(self.ranges) > 1:
            BandForm(tuple(range(1, self.config.backbone.in_channels + 1)), self.ranges)
        self.loading = loading

    def __repr__(self) -> str:
        network, backbone = self.config.network.architecture, self.config.backbone.name
        others = f", {', '.join(self.other_tasks)}" if self.other_tasks else ""
        knows = f"{network} on {backbone}, {counted(len(self.labels), 'class', 'classes')}{others}"
        engine = f"engine {self.engine.name}, {self.engine.precision}"
        return f"Parser({self.name}: {knows}; {engine}; protocol {self.protocol.name})"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config.name

    @property
    def other_tasks(self) -> tuple[Task, ...]:
        """The tasks that it parses beside the objects."""
        spaces = {} if self.tasks is None else self.tasks.spaces()
        return tuple(task for task in OTHERS if task in spaces)

    def with_protocol(self, protocol: ProtocolSettings) -> "Parser":
        """The same model under another protocol; the weights are shared.

        Raises:
            UserError: A protocol that doesn't hold together.
        """
        loading = self.loading and replace(self.loading, protocol=protocol)
        return Parser(self._opened, protocol=protocol, tasks=self._wanted, loading=loading, ranges=self.ranges)

    def at_own_size(self) -> "Parser":
        """The same model for what is never brought to the scale of pictures that it learnt from, such as volumes."""
        other = copy(self)
        other.protocol = self.protocol.at_own_size()
        return other

    def with_ranges(self, ranges: Iterable[tuple[float, float]] | tuple[float, float] | None) -> "Parser":
        """The same model for pictures of other numbers than it was trained with; the weights are shared.

        Args:
            ranges: The numbers that become black and white in pictures of more than 8 bits, such as [(0, 4095)]: one
                pair for all channels, for which (0, 4095) may stand, or one for each; what lies outside is cut off.
                None: those of its training, else the whole range of 16 bits.

        Raises:
            UserError: Something else than pairs of numbers, a range that is empty, or another number of them than of
                channels.
        """
        given = checked_ranges("ranges", ranges)
        loading = self.loading and replace(self.loading, ranges=given)
        own = self._opened.config.protocol if self._protocol is None else self._protocol
        return Parser(self._opened, protocol=own, tasks=self._wanted, loading=loading, ranges=given)

    @overload
    def __call__(self, picture: Picture) -> Parse: ...  # type: ignore[overload-overlap]  # a text is no list of texts
    @overload
    def __call__(self, picture: Iterable[Picture]) -> Iterator[Parse]: ...
    def __call__(self, picture: Picture | Iterable[Picture]) -> Parse | Iterator[Parse]:
        """Parse a picture; or several, one after the other, as `many` does.

        Args:
            picture: A file (str, Path, or open for reading bytes, as `open(name, "rb")`, a BytesIO or a member of a
                zip is), a file's content (bytes, bytearray or memoryview), a PIL image, a (H, W, 3) or (H, W) uint8
                array, or a (C, H, W) uint8 tensor; RGB. EXIF orientation is applied to the first three, unless the
                model learnt from pictures that were not turned (`data.orientation`). A file that is open is read from
                its beginning, where it can go back there, and stays open. Or a list of these, or anything else that
                yields them.

        Returns:
            The parse; of a list an iterator over the parses, which are made as they are asked for.

        Raises:
            UserError: The picture cannot be read, or pixels of another type or shape.
        """
        given: Any = picture  # which a text is, and texts in a list are not
        if is_picture(given) or not isinstance(given, Iterable) or isinstance(given, Mapping):
            return self._told(self.parse_read(self._open_taken(given)), level=4)  # which refuses what is no picture
        return self.many(given)

    def many(self, pictures: Iterable[Picture]) -> Iterator[Parse]:
        """Parse pictures one after the other; the next ones are read meanwhile. Memory doesn't grow with their number.

        A CUDA GPU computes the next picture while the program is at the one before.

        Args:
            pictures: As a call takes them, in a list or anything else that yields them, or as one (N, H, W, 3) array
                or (N, C, H, W) tensor.

        Returns:
            An iterator over the parses, which are made as they are asked for.

        Raises:
            UserError: Not several pictures; or, when a picture's turn has come, as a call does.
        """
        fits = isinstance(pictures, Iterable) and not isinstance(pictures, Mapping)
        # The rows of an array would pass for grey pictures, and a file's lines for the content of files.
        fits = fits and (not is_picture(pictures) or is_batch(pictures))
        must = "must be several pictures, such as a list of them"
        require(fits, f"{argument('pictures')} is {shown(pictures)}, but {must}")
        return self._many(pictures)

    def _many(self, pictures: Iterable[Picture]) -> Iterator[Parse]:
        read = ahead(self._open_taken, map(taken, pictures), threads=1, limit=2)
        # No name holds what was begun while the next one is.
        yield from map(self._told, map(operator.call, in_turn(map(self._begun, read), self.behind)))

    def _begun(self, read: Future[PictureRead]) -> Later[Parse]:
        return begun(lambda: self.begin([read.result()])[0])

    def _open_taken(self, picture: Picture | UserError) -> PictureRead:
        if isinstance(picture, UserError):
            raise picture
        with named_by_caller(picture):
            return self.open(picture)

    def _told(self, parse: Parse, level: int = 3) -> Parse:
        """Warn of what speaks against a parse, once of each kind, where the program asked for it."""
        for about, text in doubts_of(parse.doubt, parse.remarks).items():
            if about not in self._said:
                self._said.add(about)
                warnings.warn(text, stacklevel=level)
        return parse

    def read(self, picture: Picture) -> Tensor:
        """Read a picture as the (C, H, W) uint8 tensor that `parse` takes.

        Of a model that was trained on rasters, a raster's bands and ranges are those of its training.

        Raises:
            UserError: The picture cannot be read, or pixels of another type or shape.
        """
        return self._reader(picture).image

    def open(self, picture: Picture, *, shown: bool = True, header: Header | None = None) -> PictureRead:
        """Read a picture with what is to be said of it, for `parse_read`.

        The network is given a file that the protocol reduces with no more pixels than that takes, where its form allows
        it: a JPEG is decoded at 1/2, 1/4 or 1/8, with at least twice the tested height and width, in a fraction of the
        time and memory. Whether the picture is shown changes no label.

        Args:
            picture: As a call takes it.
            shown: Whether the parse is to show the picture: then all its pixels are read as well.
            header: What a file must be, else it is refused before it is decoded. Default: any picture.

        Raises:
            UserError: As in `read`.
        """
        check_flag("shown", shown)
        return self._reader(picture, self._share, shown=shown, header=header)

    def _share(self, size: tuple[int, int]) -> float:
        """The share of both sides with which a picture of that stored size must be decoded; of 1 all pixels are."""
        protocol = self.protocol
        if protocol.crf or protocol.keeps(size):
            return 1.0
        # Either way up: it may be turned once it's decoded.
        ways = (size, (size[1], size[0]))
        tested = [(protocol.input_size(one, scale), one) for one in ways for scale in protocol.scales]
        return min(1.0, 2 * max(max(height / own[0], width / own[1]) for (height, width), own in tested))

    @cached_property
    def _reader(self) -> PictureReader:
        return PictureReader.of(self.config, self.ranges)

    def parse_read(self, read: PictureRead) -> Parse:
        """Parse a picture that `open` has read.

        Raises:
            UserError: As in `parse`.
        """
        return self.begin([read])[0]()

    @property
    def behind(self) -> int:
        """How many pictures or batches are best begun and not finished when the next is begun: 0, on CUDA 1."""
        return behind(self.engine, self.protocol, self.tasks)

    def begin(self, reads: Sequence[PictureRead]) -> list[Later[Parse]]:
        """Begin to parse pictures that `open` has read, without waiting for a CUDA device.

        Args:
            reads: One picture, or several of one size of which the network is given as many pixels: it scores them at
                once (see `parse_batch`).

        Returns:
            What gives each picture's parse, in their order. It raises UserError where the scores are not finite.

        Raises:
            UserError: As in `parse_batch`.
        """
        require(bool(reads), f"{argument('reads')} is empty, but must be what `open` returned, once or several times")
        for read in reads:
            check_type("read", read, PictureRead, "what `open` returns")
            self._check(read.image)
        images = reads[0].image[None] if len(reads) == 1 else torch.stack([read.image for read in reads])
        parses = begin_parses(self, images, checked_size("size", reads[0].size))
        return [then(parse, read.told_in) for read, parse in zip(reads, parses, strict=True)]

    def parse(self, image: Tensor, size: tuple[int, int] | None = None) -> Parse:
        """Parse a (C, H, W) uint8 tensor of as many channels as the model takes, as `read` returns it.

        Args:
            image: The picture.
            size: The picture's own height and width, where `image` has fewer rows and columns. Default: the image's.

        Raises:
            UserError: It is something else.
        """
        self._check(image)
        return begin_parses(self, image[None], checked_size("size", size))[0]()

    def parse_batch(self, images: Tensor, size: tuple[int, int] | None = None) -> list[Parse]:
        """Parse (N, C, H, W) uint8 pictures of one size; the network scores them at once where they are tested whole.

        For a GPU: on a CPU one picture already takes all cores. A pixel may differ from `parse` where two classes are
        within rounding of each other.

        Args:
            images: The pictures.
            size: As in `parse`, of all of them.

        Raises:
            UserError: It is something else.
        """
        check_array("images", images, "uint8", ("N", self.config.backbone.in_channels, "H", "W"), "Tensor")
        return [parse() for parse in begin_parses(self, images, checked_size("size", size))]

    def _check(self, image: Tensor) -> None:
        check_array("image", image, "uint8", (self.config.backbone.in_channels, "H", "W"), "Tensor")

    def push_to_hub(self, repo_id: str, *, private: bool = False, token: str | None = None) -> str:
        """Put the model folder on the Hugging Face hub.

        Args:
            repo_id: "user/name".
            private: Whether only you can see it.
            token: A token that may write. Default: the one that `hf auth login` stored.

        Returns:
            The model's address.

        Raises:
            UserError: The model doesn't come from a folder, or the hub refuses.
        """
        check_type("repo_id", repo_id, str, "a hub id such as 'user/name'")
        check_flag("private", private)
        check_type("token", token, (str, type(None)), "an access token or None")
        if self._opened.folder is None:
            raise UserError(
                f"model '{self.name}' does not come from a model folder: load it from one to push it to the hub"
            )
        return push_to_hub(self._opened.folder, repo_id, private=private, token=token)
