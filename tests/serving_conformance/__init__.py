import pytest

pytest.importorskip("tensorflow_serving", reason="needs the extra serve: pip install 'tfwsss[serve]'")
pytest.importorskip("aiohttp", reason="needs the extra serve: pip install 'tfwsss[serve]'")
pytest.importorskip("orjson", reason="needs the extra serve: pip install 'tfwsss[serve]'")
