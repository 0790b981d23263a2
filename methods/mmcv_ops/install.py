"""Put the stand-in in the place of ``mmcv._ext`` where mmcv was installed without its compiled operators.

mmcv's Python files reach every operator through the one extension module ``mmcv._ext`` and ask at import only that
the names exist. So ``install`` has to run before anything imports ``mmcv.ops``, which ``import mmdet.models`` does.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from ...datasets.errors import UserError

if TYPE_CHECKING:
    from .stand_in import StandIn

Ops = Literal["compiled", "stand-in"]

EXTENSION = "mmcv._ext"

HOW_TO_COMPILE = (
    "MMCV_WITH_OPS=1 pip install --no-build-isolation --no-cache-dir --no-deps --force-reinstall onedl-mmcv "
    "(takes a C++ compiler and about 16 minutes on two cores)"
)
"""The command that gives mmcv its compiled operators."""


def ops_in_charge() -> Ops:
    """Tell which operators mmcv uses here or will use after ``install``; imports neither torch nor mmcv.

    Raises:
        UserError: mmcv is not installed.
    """
    mmcv = find_spec("mmcv")
    if mmcv is None or mmcv.submodule_search_locations is None:
        raise UserError("mmcv is not installed; install it with `pip install onedl-mmcv`.")
    places = list(mmcv.submodule_search_locations)
    return "stand-in" if PathFinder.find_spec(EXTENSION, places) is None else "compiled"


def install() -> Ops:
    """Make ``mmcv.ops`` importable; a compiled extension stays in charge. May be called any number of times.

    Raises:
        UserError: mmcv is not installed, or its compiled extension does not load.
    """
    ops = ops_in_charge()
    if ops == "compiled":
        _load_compiled()
    elif EXTENSION not in sys.modules:
        sys.modules[EXTENSION] = _stand_in()
    return ops


def _load_compiled() -> None:
    try:
        importlib.import_module(EXTENSION)
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"mmcv's compiled operators do not load ({reason}), probably because they were built for another torch; "
            f"build them again with {HOW_TO_COMPILE}, or install mmcv without them: "
            f"MMCV_WITH_OPS=0 pip install --no-cache-dir --no-deps --force-reinstall onedl-mmcv."
        ) from error


def _stand_in() -> StandIn:
    from . import carafe, deform_conv, focal_loss, masked_conv, ms_deform_attn, nms, overlaps, roi_align, roi_pool
    from .stand_in import StandIn

    families = (carafe, deform_conv, focal_loss, masked_conv, ms_deform_attn, nms, overlaps, roi_align, roi_pool)
    operators = {operator.__name__: operator for family in families for operator in family.OPERATORS}
    module = StandIn(EXTENSION, operators)
    # mmengine and mmcv look for the extension with find_spec, which fails on a module without a specification.
    module.__spec__ = ModuleSpec(EXTENSION, loader=None, origin=__file__)
    return module
