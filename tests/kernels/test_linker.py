"""Images of object files: which objects can be linked, and that their code runs."""

import ctypes

import numpy as np
import pytest

from numtorch.kernels import images
from numtorch.kernels.jit import disabled, numba
from numtorch.kernels.linker import Unlinkable, link

pytestmark = pytest.mark.skipif(disabled() or not images.possible(), reason="only Numba loads kernels here")

TABLE = """
@table = internal constant [3 x i64] [i64 7, i64 8, i64 9]
@names = constant [2 x ptr] [ptr @table, ptr getelementptr (i64, ptr @table, i64 2)]
declare double @exp(double)
define i64 @pick(i64 %i) {
  %at = getelementptr ptr, ptr @names, i64 %i
  %p = load ptr, ptr %at
  %v = load i64, ptr %p
  ret i64 %v
}
define double @twice(double %x) {
  %y = call double @exp(double %x)
  %z = fmul double %y, 2.0
  ret double %z
}
"""


def compiled(text, model="large"):
    numba()
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()

    module = llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"\n{text}')
    machine = llvm.Target.from_default_triple().create_target_machine(codemodel=model, reloc="static", opt=2)
    return machine.emit_object(module)


def test_code_constants_and_calls_out_of_an_image_work():
    image = link("f", compiled(TABLE), {"pick": "pick", "twice": "twice", "none": "absent"})
    assert sorted(image.exports) == ["pick", "twice"] and list(image.external) == ["exp"] and image.internal.size >= 3
    placed = images.Placed(images.parse(images.dump(image)))
    pick = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(placed.exports["pick"])
    twice = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(placed.exports["twice"])
    assert [pick(0), pick(1)] == [7, 9]
    assert twice(1.0) == 2 * np.exp(1.0)


WRITTEN = "@count = global i64 5\ndefine i64 @get() {\n %v = load i64, ptr @count\n ret i64 %v\n}"
ZEROED = WRITTEN.replace("5", "zeroinitializer")
SHARED = WRITTEN.replace("global i64 5", "common global i64 0")


@pytest.mark.parametrize("text", [WRITTEN, ZEROED, SHARED], ids=["data", "zeros", "common"])
def test_data_that_is_written_to_is_refused(text):
    with pytest.raises(Unlinkable, match="written to"):
        link("f", compiled(text), {"get": "get"})


def test_calls_that_reach_only_near_are_refused():
    with pytest.raises(Unlinkable, match="relocation"):
        link("f", compiled(TABLE, "small"), {})


@pytest.mark.parametrize("data", [b"", b"\x7fELF", bytes(200), b"MZ" * 100])
def test_other_files_are_refused(data):
    with pytest.raises(Unlinkable, match="not an ELF"):
        link("f", data, {})


def test_the_object_of_another_machine_is_refused():
    data = bytearray(compiled(TABLE))
    data[18:20] = (183).to_bytes(2, "little")  # AArch64
    with pytest.raises(Unlinkable, match="x86-64"):
        link("f", bytes(data), {})
