"""The fictional demo data of domain.md §6, as plain values. Names are surname + sexagenary pair: nobody
real is meant."""

from typing import NamedTuple


class DemoOrganisation(NamedTuple):
    """code, name, type, kind, parent code."""

    code: str
    name: str
    org_type: str
    branch_kind: str | None
    parent: str | None


class DemoPerson(NamedTuple):
    """number, name, category, stage, home branch code, role and its organisation code, whether an account
    is made."""

    number: str
    name: str
    category: str
    stage: str
    home: str | None
    role: str | None = None
    role_at: str | None = None
    account: bool = False


class DemoGathering(NamedTuple):
    """title, minutes, kind, column title, organisation code, lecturer number, days from today, Shanghai hour.

    Negative days lie in the past and are over; `hour` None means: about now.
    """

    title: str
    minutes: int
    kind: str
    column: str | None
    organisation: str
    lecturer: str
    days: int
    hour: int | None
    convened: tuple[str, ...]
    may_watch: str = "college"


ORGANISATIONS = (
    DemoOrganisation("O00", "青禾学院党委", "college_committee", None, None),
    DemoOrganisation("O10", "教工第一党支部", "branch", "faculty", "O00"),
    DemoOrganisation("O20", "本科生第一党支部", "branch", "student", "O00"),
    DemoOrganisation("O30", "研究生党支部", "branch", "student", "O00"),
    DemoOrganisation("O40", "数据系-实验中心联合党支部", "joint_branch", "mixed", "O00"),
    DemoOrganisation("X90", "校友联络党支部·外部", "external_organization", "alumni", "O00"),
)

_NAMES = {
    "O10": "赵甲子 钱乙丑 孙丙寅 李丁卯 周戊辰 吴己巳 郑庚午 王壬申 冯癸酉 陈甲戌",
    "O20": "褚乙亥 卫丙子 蒋丁丑 沈戊寅 韩己卯 杨庚辰 朱辛巳 "
    "秦壬午 尤癸未 许甲申 何乙酉 吕丙戌 施丁亥 张戊子",
    "O30": "孔己丑 曹庚寅 严壬辰 华癸巳 金丙申 魏丁酉 陶己亥 姜壬寅 戚癸卯 谢甲辰 邹乙巳 喻丁未",
    "O40": "柏戊申 水己酉 窦庚戌 章壬子 云癸丑 苏甲寅",
}
#: The last so many of a branch are probationary members.
_PROBATIONARY = {"O10": 1, "O20": 6, "O30": 2, "O40": 1}
_CATEGORY = {"O10": "faculty_staff", "O20": "undergraduate", "O30": "master_student", "O40": "faculty_staff"}
#: Place in the branch → role there. O40 is too small for a committee.
_POSTS = {1: "secretary", 2: "committee_member", 3: "committee_member", 4: "committee_member"}
_COMMITTEE_SIZE = {"O10": 4, "O20": 3, "O30": 3, "O40": 1}
_WITH_ACCOUNT = frozenset({1, 2, 3, 11, 12, 15, 16, 19, 20, 25, 28, 37})
#: The lecturer of the demo: 孙丙寅 of the faculty branch.
LECTURER = "DEMO0003"


def _members() -> list[DemoPerson]:
    people: list[DemoPerson] = []
    for branch, names in _NAMES.items():
        listed = names.split()
        for place, name in enumerate(listed, start=1):
            number = len(people) + 1
            probationary = place > len(listed) - _PROBATIONARY[branch]
            role = _POSTS.get(place) if place <= _COMMITTEE_SIZE[branch] else None
            people.append(
                DemoPerson(
                    number=f"DEMO{number:04d}",
                    name=name,
                    category=_CATEGORY[branch],
                    stage="probationary_member" if probationary else "full_member",
                    home=branch,
                    role=role,
                    role_at=branch if role else None,
                    account=number in _WITH_ACCOUNT,
                )
            )
    return people


MEMBERS = tuple(_members())
assert len(MEMBERS) == 42

OTHERS = (
    # Not in domain.md §6: somebody has to administer the college.
    DemoPerson(
        "DEMO0900", "花丙午", "faculty_staff", "full_member", None, "college_admin", "O00", account=True
    ),
    DemoPerson("DEMO0101", "潘乙卯", "undergraduate", "activist", None, "applicant", "O20", account=True),
    DemoPerson("DEMO0102", "葛丙辰", "undergraduate", "activist", None, "applicant", "O20"),
    DemoPerson("DEMO0103", "奚丁巳", "undergraduate", "development_target", None, "applicant", "O20"),
    DemoPerson("DEMO0104", "范戊午", "undergraduate", "applicant", None, "applicant", "O20"),
    DemoPerson("DEMO0105", "彭己未", "undergraduate", "applicant", None, "applicant", "O20"),
    DemoPerson("DEMO0201", "郎庚申", "faculty_staff", "full_member", None, "guest", "O20", account=True),
    DemoPerson("DEMO0202", "鲁辛酉", "faculty_staff", "masses", None, "guest", "O20"),
    DemoPerson("DEMO0203", "韦壬戌", "alumnus", "full_member", None, "guest", "X90"),
    DemoPerson("DEMO0204", "昌癸亥", "alumnus", "full_member", None, "guest", "X90"),
)

COLUMNS = (
    ("学习总书记系列重要讲话精神", "原文与解读请见官方网站；本栏目只发布学习通知与链接。"),
    ("疫情大考", "在大考中看担当：身边的人和事。"),
    ("爱国主义是青春的底色", "青年人的朗读、讲述与思考。"),
    ("指尖微课", "十五分钟以内，一课一个问题。"),
    ("支部故事", "讲好身边的支部故事。"),
    ("学科看世界", "用各自的专业看国家需要。"),
)

_ALL = ("O10", "O20", "O30", "O40")

GATHERINGS = (
    DemoGathering("从论文选题看国家需要", 28, "live_stream", "学科看世界", "O00", LECTURER, 0, None, _ALL),
    DemoGathering(
        "青春的底色: 朗读会", 45, "live_stream", "爱国主义是青春的底色", "O20", "DEMO0011", 1, 19, ("O20",)
    ),
    DemoGathering(
        "校友对话: 第一份工作教会我的事",
        60,
        "cloud_dialogue",
        "支部故事",
        "O00",
        "DEMO0025",
        3,
        19,
        ("O20", "O30"),
    ),
    DemoGathering(
        "垃圾分类的经济学", 20, "cloud_observation", "学科看世界", "O30", "DEMO0025", 5, 20, ("O30",)
    ),
    DemoGathering("数据素养: 先求证再转发", 13, "micro_lesson", "指尖微课", "O40", "DEMO0037", 8, 12, _ALL),
    DemoGathering(
        "乡村图书角共建纪实", 25, "party_lecture", "支部故事", "O10", LECTURER, 12, 15, ("O10", "O20")
    ),
    DemoGathering("校史馆里的一张旧课桌", 8, "micro_lesson", "指尖微课", "O20", "DEMO0012", -3, 12, ("O20",)),
    DemoGathering("读懂党章: 权利与义务", 14, "micro_lesson", "指尖微课", "O10", LECTURER, -6, 12, _ALL),
    DemoGathering(
        "志愿服务的一百个小时", 12, "micro_lesson", "支部故事", "O20", "DEMO0011", -10, 19, ("O20", "O30")
    ),
    DemoGathering("一本账本里的诚信", 10, "micro_lesson", "指尖微课", "O10", "DEMO0001", -14, 12, ("O10",)),
    DemoGathering(
        "实验室安全与责任", 15, "micro_lesson", "指尖微课", "O40", "DEMO0037", -20, 15, ("O30", "O40")
    ),
    DemoGathering("宿舍楼长的一学期", 9, "micro_lesson", "支部故事", "O20", "DEMO0011", -27, 20, ("O20",)),
)
assert len(GATHERINGS) == 12
