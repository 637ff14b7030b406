"""The names of the engines, listed once for the command line and for `sceneparse.inference`."""

from typing import Literal, get_args

EngineName = Literal["auto", "torch", "compile", "openvino", "onnxruntime"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
