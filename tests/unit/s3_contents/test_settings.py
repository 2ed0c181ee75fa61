from __future__ import annotations

from pathlib import Path

import pytest
from s3_contents import S3Checkpoints, S3ContentsManager, S3FilesHandler
from s3_contents.paths import Home
from traitlets import TraitError
from traitlets.config import Config


def test_the_home_comes_from_the_environment_or_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", "s3://notebooks/users/ada")
    assert S3ContentsManager().home == Home("notebooks", "users/ada/")
    configured = S3ContentsManager(config=Config(S3ContentsManager={"url": "s3://other/x"}))
    assert configured.home == Home("other", "x/")
    assert configured.info_string() == "Serving notebooks from s3://other/x/"


@pytest.mark.parametrize("url", ["", "ada", "s3://bucket/a//b"])
def test_a_wrong_home_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", url)
    with pytest.raises(
        TraitError, match=r"S3ContentsManager\.url, or the environment variable SPARK_NOTEBOOKS_S3_HOME"
    ):
        S3ContentsManager()


@pytest.mark.parametrize("setting", [{"max_attempts": 0}, {"max_open_mb": "x"}, {"max_connections": 0}])
def test_wrong_settings_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(TraitError):
        S3ContentsManager(url="s3://bucket", config=Config(S3ContentsManager=setting))


def test_everything_of_a_file_is_on_s3() -> None:
    manager = S3ContentsManager(url="s3://bucket")
    assert isinstance(manager.checkpoints, S3Checkpoints)
    assert manager.get_extra_handlers() == [(r"/files/(.*)", S3FilesHandler, {})]


async def test_kernels_start_in_the_servers_folder(tmp_path: Path) -> None:
    manager = S3ContentsManager(url="s3://bucket")
    assert manager.root_dir == str(tmp_path)
    assert await manager.get_kernel_path("f/a.ipynb") == ""


def test_every_setting_has_a_help_text() -> None:
    own = S3ContentsManager.class_own_traits(config=True) | S3ContentsManager.__mro__[1].class_own_traits(config=True)
    missing = [name for name, trait in own.items() if not trait.help]
    assert missing == ["checkpoints_class", "files_handler_class"], "whose help is that of jupyter_server"


def test_the_platforms_settings_win_over_files(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Config(S3ContentsManager={"url": "s3://bucket", "trash_days": 5, "version_days": 5})
    monkeypatch.setenv("S3_CONTENTS_CONFIG", '{"S3ContentsManager": {"trash_days": 7}}')
    manager = S3ContentsManager(config=file)
    assert (manager.trash_days, manager.version_days) == (7, 5)
    for wrong in ("{", "[]", '{"S3ContentsManager": {"trash_days": -1}}'):
        monkeypatch.setenv("S3_CONTENTS_CONFIG", wrong)
        with pytest.raises(TraitError, match=r"S3_CONTENTS_CONFIG|trash_days"):
            S3ContentsManager(config=file)
