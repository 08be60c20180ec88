"""Why-lines in words, Chinese and English: the web client's sentences, for whoever has no web client.

A test keeps them equal to `web_client/src/i18n/locales/*/why.json`.
"""

from collections.abc import Mapping
from typing import Final

from lecture_api.records.policy import MINUTE_MS

WHY_TEXT: Final[Mapping[str, Mapping[str, str]]] = {
    "zh-CN": {
        "share": "直播在场 {covered}，全长 {length}，占 {percent_share}%。",
        "bridged": "断线 {gaps} 次，共 {seconds} 秒，已接续。",
        "joined_late": "{at} 才进入，超过 {grace} 分钟的迟到宽限。",
        "left_before_end": "{at} 离开，早于结束前 {grace} 分钟的宽限。",
        "threshold_reached": "达到直播 {percent}% 的要求。",
        "threshold_missed": "未达到直播 {percent}% 的要求。",
        "needs_recorder": "由记录人认定。",
        "never_seen": "没有到场记录。",
        "on_leave": "已请假。",
        "exempt": "免于参加。",
        "observer": "列席，不计考勤。",
        "made_up": "直播加回放覆盖 {percent_share}%，达到 {percent}%，算补学完成。",
        "makeup_open": "直播加回放覆盖 {percent_share}%，达到 {percent}% 算补学完成。",
        "makeup_too_late": "补看超过了 {days} 天的期限。",
        "lecturer": "主讲，不作为听众计学时。",
        "kept_after_end": "结束后的更正不降低已得的认定。",
    },
    "en": {
        "share": "Present live for {covered} of {length}, that is {percent_share}%.",
        "bridged": "{gaps} gaps, {seconds} s in all, bridged.",
        "joined_late": "Joined at {at}, after the {grace} minutes of grace.",
        "left_before_end": "Left at {at}, before the last {grace} minutes.",
        "threshold_reached": "The {percent}% required live are reached.",
        "threshold_missed": "The {percent}% required live are not reached.",
        "needs_recorder": "The recorder decides.",
        "never_seen": "There is no record of being present.",
        "on_leave": "On leave.",
        "exempt": "Exempt.",
        "observer": "Observer, not counted.",
        "made_up": "Live and replay cover {percent_share}%; {percent}% make it complete.",
        "makeup_open": "Live and replay cover {percent_share}%; {percent}% would make it complete.",
        "makeup_too_late": "Watched after the {days} days allowed.",
        "lecturer": "The lecturer, not credited as a listener.",
        "kept_after_end": "What was granted at the end is not lowered by a later correction.",
    },
}


def why_text(code: str, params: Mapping[str, int], locale: str) -> str:
    """Tell one line with its numbers."""
    return WHY_TEXT[locale][code].format_map(dict(_shown(name, value) for name, value in params.items()))


def play_time(milliseconds: int) -> str:
    """12:04, or 1:02:03 from an hour on."""
    seconds = milliseconds // 1000
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    tail = f"{minutes:02}:{seconds % 60:02}"
    return f"{hours}:{tail}" if hours else tail


def _shown(name: str, value: int) -> tuple[str, str]:
    if name == "ms":
        return "seconds", str((value + 500) // 1000)
    if name == "grace_ms":
        return "grace", str(value // MINUTE_MS)
    if name.endswith("_ms"):
        return name.removesuffix("_ms"), play_time(value)
    if name.endswith("_hundredths"):
        return name.replace("_hundredths", "_share"), str(value // 100)
    return name, str(value)
