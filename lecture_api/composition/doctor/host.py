"""The machine itself: clock, disk, codecs."""

import ctypes
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lecture_api.composition.doctor.findings import Finding

_SANE_SINCE = 1_767_225_600  # 2026-01-01: a clock before that was never set.
_DISK_LOW = 0.10
# adjtimex(2): struct timex on 64-bit Linux, of which only `status` and `maxerror` are read.
_TIMEX_BYTES, _STATUS_AT, _MAXERROR_AT, _STA_UNSYNC = 208, 40, 24, 0x40


def clock() -> Finding:
    """Attendance is judged by it: set, and kept by a time service."""
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _SANE_SINCE:
        return Finding.problem("clock", "clock", shown, "set it: attendance is judged by it")
    kept = kept_within_ms()
    if kept is None:
        advice = "install and start chrony or systemd-timesyncd"
        return Finding.note("clock", "clock", f"{shown}, no time service keeps it", advice)
    return Finding.ok("clock", "clock", f"{shown}, kept by a time service within {kept:.0f} ms")


def kept_within_ms() -> float | None:
    """How far off the kernel thinks its clock may be at most; None when nobody keeps it."""
    state = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        # modes = 0: asks only (adjtimex(2)).
        if ctypes.CDLL(None, use_errno=True).adjtimex(state) < 0:
            return None
    except (OSError, AttributeError):
        return None
    status = ctypes.c_int.from_buffer(state, _STATUS_AT).value
    return None if status & _STA_UNSYNC else ctypes.c_long.from_buffer(state, _MAXERROR_AT).value / 1000


def disk(data_dir: Path) -> Finding:
    """Room for recordings."""
    existing = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    usage = shutil.disk_usage(existing)
    free = usage.free / usage.total
    text = (
        f"{usage.free / 2**30:.1f} GiB free ({free:.0%}) below {existing}; a lecture hour takes about 1 GiB"
    )
    if free > _DISK_LOW:
        return Finding.ok("disk", "disk", text)
    return Finding.problem("disk", "disk", text, "make room, or put ZHIJIAN_DATA_DIR on a larger disk")


def codecs() -> Iterator[Finding]:
    """What recordings are decoded and encoded with."""
    from recordings.audio.codecs import AacEncoder, OpusDecoder  # noqa: PLC0415 - loads FFmpeg.
    from recordings.slate import slate_picture  # noqa: PLC0415

    made: tuple[tuple[str, str, Callable[[], object]], ...] = (
        ("codec_opus", "Opus decoder", OpusDecoder),
        ("codec_aac", "AAC encoder", lambda: AacEncoder(0, 0)),
        ("codec_h264", "H264 encoder", slate_picture),
    )
    for code, name, make in made:
        try:
            make()
        except Exception as error:
            advice = "reinstall the package av: nothing can be recorded without it"
            yield Finding.problem(code, name, f"not usable: {error}", advice)
        else:
            yield Finding.ok(code, name, "usable")
