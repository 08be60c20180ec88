"""The attendance rule in words, with the numbers of the version it was judged by. Sentences only."""

from lecture_api.records.policy import MINUTE_MS, AttendancePolicy

_ZH = (
    "直播在场达到 {threshold}%、且不晚于开始后 {late_grace} 分钟进入，为出席；",
    "进入更晚而在场达到 {late_threshold}%，为迟到；",
    "未达到 {threshold}%、且早于结束前 {leave_grace} 分钟离开，为早退；",
    "没有到场为缺席，已批准的为请假；其余由记录人认定。",
    "各设备时间取并集，不超过 {bridge} 秒的断线接续计入并标明。",
    "发布后 {days} 天内，直播加回放覆盖 {makeup}%，为已补学。",
    "学时在达到要求时一次计入，不按分钟折算。",
)
_EN = (
    "Present: live for {threshold}% and there by minute {late_grace}. ",
    "Late: came later and reached {late_threshold}%. ",
    "Left early: gone before the last {leave_grace} minutes without {threshold}%. ",
    "Never there: absent, or on leave when approved. The recorder decides the rest. ",
    "All devices count as one; silences up to {bridge} s are bridged and shown. ",
    "Live and replay together covering {makeup}% within {days} days after publication make it up. ",
    "Hours are credited whole, never by the minute.",
)


def policy_text(policy: AttendancePolicy, locale: str) -> str:
    """Tell a policy in the reader's language, Chinese unless it is English."""
    return "".join(_EN if locale == "en" else _ZH).format(
        threshold=policy.threshold_percent,
        late_threshold=policy.late_threshold_percent,
        late_grace=policy.late_grace_ms // MINUTE_MS,
        leave_grace=policy.leave_grace_ms // MINUTE_MS,
        bridge=policy.bridge_ms // 1000,
        makeup=policy.makeup_percent,
        days=policy.makeup_days,
    )
