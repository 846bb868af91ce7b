"""The demo company's goods, warehouses, customers and suppliers."""

_FAMILIES: tuple[tuple[str, str, int, tuple[str, str, str, str]], ...] = (
    ("六角螺栓", "盒", 1850, ("M6×20", "M8×30", "M10×40", "M12×50")),
    ("深沟球轴承", "个", 3260, ("6203", "6204", "6205", "6306")),
    ("三角皮带", "条", 2475, ("A-1000", "A-1250", "B-1400", "B-1800")),
    ("电机", "台", 42800, ("0.75kW", "1.5kW", "2.2kW", "4kW")),
    ("接触器", "个", 8640, ("9A", "18A", "32A", "65A")),
    ("电缆", "米", 675, ("3×1.5", "3×2.5", "4×4", "5×6")),
    ("气缸", "个", 15600, ("SC50", "SC63", "SC80", "SC100")),
    ("液压油", "桶", 38500, ("32#", "46#", "68#", "100#")),
    ("不锈钢板", "张", 26800, ("1.0mm", "1.5mm", "2.0mm", "3.0mm")),
    ("包装箱", "个", 420, ("小", "中", "大", "特大")),
)

ITEMS: tuple[tuple[str, str, str, int], ...] = tuple(
    (f"M-{family}{size:02d}", f"{name} {label}", unit, price * (100 + 18 * (size - 1)) // 100)
    for family, (name, unit, price, labels) in enumerate(_FAMILIES, start=10)
    for size, label in enumerate(labels, start=1)
)
"""Code, name, unit, and what one costs, in cents."""

WAREHOUSES: tuple[tuple[str, str], ...] = (("A", "A 仓 原料"), ("B", "B 仓 成品"), ("C", "C 仓 备件"))

CUSTOMERS: tuple[tuple[str, str], ...] = tuple(
    (f"C{n:02d}", name)
    for n, name in enumerate(
        (
            "苏州恒力机械", "无锡锐达自动化", "常州华宇重工", "南京金陵电气", "杭州钱江传动", "宁波海天塑机",
            "合肥皖能设备", "济南泉城机床", "青岛海信配套", "武汉长江泵业", "长沙中联配件", "东莞智能装备",
        ),
        start=1,
    )
)  # fmt: skip

SUPPLIERS: tuple[tuple[str, str], ...] = tuple(
    (f"S{n:02d}", name)
    for n, name in enumerate(
        (
            "上海标准件厂", "洛阳轴承经销", "三力士胶带", "江苏大中电机",
            "德力西电器", "远东电缆", "亚德客气动", "宝钢不锈贸易",
        ),
        start=1,
    )
)  # fmt: skip
