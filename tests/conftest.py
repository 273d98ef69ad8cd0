"""For all tests: nothing of the user's own caches, and no deadline for a single example on a busy machine."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("topfive", deadline=None)
settings.load_profile("topfive")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """Caches and data sets of the test, not of whoever runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("TOPFIVE_DATA", raising=False)
