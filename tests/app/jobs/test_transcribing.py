"""The model case: a folder of audio, item by item, by a program that dies on the way; all of it is there at the end."""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path

from keepwell.app.jobs.asking import list_jobs, resume_job, run_job
from keepwell.app.jobs.wishes import Wish
from keepwell.app.operation import Caller
from keepwell.testing.waiting import eventually

#: A made transcriber: it says how long the audio is, and cannot read one of the files.
PROGRAM = """
import os, sys, wave
from pathlib import Path
from keepwell import checkpoint

def transcribe(path):
    with wave.open(str(path)) as audio:
        return f"{audio.getnframes() / audio.getframerate():.2f} s of silence"

folder, out = Path(sys.argv[1]), sys.argv[2]
for item in checkpoint(sorted(folder.glob("*.wav")), out, key=os.path.basename):
    with item:
        item.done(transcribe(item.value))
        if item.key == "05.wav" and not (folder / "died").exists():
            (folder / "died").touch()
            os.kill(os.getpid(), 9)
"""


async def test_a_folder_of_audio(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    for number in range(12):
        with wave.open(str(audio / f"{number:02}.wav"), "wb") as one:
            one.setparams((1, 2, 8000, 0, "NONE", ""))
            one.writeframes(b"\0\0" * 80 * number)
    (audio / "07.wav").write_bytes(b"RIFF and no more")
    out = tmp_path / "out.jsonl"
    caller = Caller(state=tmp_path / "state")
    command = [sys.executable, "-c", PROGRAM, str(audio), str(out)]
    await run_job(caller, Wish(command=command, name="transcribe", restart="on-failure:1"))
    eventually(lambda: not list_jobs(caller).jobs[0].runs, 30)
    line = list_jobs(caller).jobs[0]
    assert (line.state, line.exit_code, line.run) == ("failed", 1, 2)  # killed once, and one file has no result
    with wave.open(str(audio / "07.wav"), "wb") as one:
        one.setparams((1, 2, 8000, 0, "NONE", ""))
    await resume_job(caller, "transcribe")
    eventually(lambda: list_jobs(caller).jobs[0].state == "done", 30)
    rows = [json.loads(one) for one in out.read_text().splitlines()]
    assert sorted(row["key"] for row in rows) == [f"{number:02}.wav" for number in range(12)]
    assert {row["result"] for row in rows if row["key"] == "11.wav"} == {"0.11 s of silence"}
