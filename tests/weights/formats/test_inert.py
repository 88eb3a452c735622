"""Which names stand for data: a list of Python's and PyTorch's, and whatever is of neither."""

import pytest

from tfwsss.weights.formats.inert import Inert, is_inert


@pytest.mark.parametrize("name", [
    "collections.Counter", "argparse.Namespace", "_codecs.encode", "builtins.set", "__builtin__.set", "torch.device",
    "numpy._core.multiarray.scalar", "numpy.dtype", "numpy.core.multiarray._reconstruct",
    "omegaconf.dictconfig.DictConfig",
    "pytorch_lightning.utilities.parsing.AttributeDict", "__main__.Config", "torch._utils._rebuild_sparse_tensor",
    "torch.optim.lr_scheduler.StepLR", "copyreg._reconstructor", "typing.Any", "pathlib._local.PosixPath",
    "torch.float8_e4m3fn", "torch.complex64"])
def test_data(name):
    assert is_inert(name) and Inert(name).items == {}


@pytest.mark.parametrize("name", [
    "os.system", "posix.system", "nt.system", "builtins.eval", "__builtin__.exec", "builtins.getattr",
    "subprocess.Popen",
    "importlib.import_module", "pickle.loads", "copyreg.__newobj__", "torch.load", "torch.hub.load", "torch.jit.script",
    "torch.nn.modules.linear.Linear", "torch.utils.cpp_extension.load", "webbrowser.open", "functools.partial", "",
    "commands.getoutput", "collections.OrderedDict", "typing.sys.exit", "torch.float", "torch.int8.x"])
def test_code(name):
    assert not is_inert(name)
