from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from topfive.errors import RefusedError, ResourceError, UsageError
from topfive.train.run import Run, new_folder, stopping


def test_two_processes_never_share_a_run(tmp_path):
    code = "import sys, pathlib; from topfive.train.run import Run\nwith Run(pathlib.Path(sys.argv[1])): pass"
    with Run(tmp_path):
        second = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
        assert second.returncode != 0
        assert f"in use by process {os.getpid()}" in second.stderr
    third = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert third.returncode == 0, third.stderr


def test_leftovers_of_a_killed_writer_go(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    leftovers = [tmp_path / ".tmp-1-config.yaml", tmp_path / "checkpoints" / ".tmp-1-5"]
    for path in leftovers:
        path.write_bytes(b"half")
    with Run(tmp_path):
        assert not any(path.exists() for path in leftovers)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot write run folder"), Run(tmp_path / "file" / "run"):
        pass


@pytest.mark.parametrize("text", ["", "[1, 2]", "recipe: 1", "{", "a: !!python/object:os.system x"])
def test_a_configuration_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RefusedError, match=r"config\.yaml"):
        _ = Run(tmp_path).config


def test_the_log_rewinds_to_a_step_and_drops_a_torn_line(tmp_path):
    run = Run(tmp_path)
    for step in (1, 2, 3):
        run.log({"step": step, "loss": 0.5})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "lo')
    run.rewind_log(2)
    assert [entry["step"] for entry in run.logged()] == [1, 2]


def test_a_log_that_cannot_be_written_is_noted_once(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    run = Run(tmp_path)
    run.log({"step": 1})
    run.log({"step": 2})
    assert len(run.notes) == 1
    assert "no longer logged" in run.notes[0]


def test_new_folders_are_free_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert new_folder(None, "digits-lenet5").name == "digits-lenet5"
    (tmp_path / "runs" / "digits-lenet5").mkdir(parents=True)
    assert new_folder(None, "digits-lenet5").name == "digits-lenet5-2"
    (tmp_path / "runs" / "digits-lenet5" / "config.yaml").write_text("")
    with pytest.raises(UsageError, match="already holds a run"):
        new_folder(tmp_path / "runs" / "digits-lenet5", "x")


def test_the_first_signal_asks_and_the_second_is_not_ours():
    before = signal.getsignal(signal.SIGTERM)
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal_number == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == before
    assert stop.error("runs/x", 3).exit_code == 143


def test_signals_are_left_alone_outside_the_main_thread():
    seen = []

    def work() -> None:
        with stopping() as stop:
            seen.append(stop.signal_number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]
