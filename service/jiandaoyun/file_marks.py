"""What is known of each file of a record: kept, tried so often, or not taken and why; how forms say so."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from service.jiandaoyun.complaints import Complaint, Field, told
from service.jiandaoyun.file_source import Untaken
from service.jiandaoyun.values import FormFile
from service.texts import Language, Words

MOST_TRIES = 4
"""Addresses that have not answered by then are left: others of the record must not wait for ever."""

_WRITTEN = re.compile(r"(?:\?(?P<tries>\d+) |!(?P<why>[a-z]+) )?(?P<file>\d+:.*)", re.DOTALL)


@dataclass(frozen=True)
class FileMark:
    """One file of a record, as it is written among the marks of the record."""

    file: str
    """What tells it from the others: its address is new at every reading."""
    tries: int = 0
    why: Untaken | None = None

    @staticmethod
    def of(file: FormFile) -> "FileMark":
        return FileMark(f"{file.size}:{file.name}")

    @staticmethod
    def read(written: str) -> "FileMark":
        found = _WRITTEN.fullmatch(written)
        if found is None:
            return FileMark(written)
        why = None if found["why"] is None else Untaken(found["why"])
        return FileMark(found["file"], int(found["tries"] or 0), why)

    def __str__(self) -> str:
        if self.why is not None:
            return f"!{self.why} {self.file}"
        return f"?{self.tries} {self.file}" if self.tries else self.file

    @property
    def is_settled(self) -> bool:
        """Kept, or never to be."""
        return self.why is not None or not self.tries

    @property
    def name(self) -> str:
        return self.file.partition(":")[2]

    def tried_again(self) -> "FileMark":
        """After an address has not answered once more."""
        tries = self.tries + 1
        return replace(self, tries=tries, why=Untaken.UNREACHABLE if tries >= MOST_TRIES else None)


_WHY: Mapping[Untaken, Words] = {
    Untaken.MALFORMED: Words(
        "This is no file. Upload the file in this field and save.",
        "不是可下载的附件。请在附件字段中重新上传文件并保存。",
    ),
    Untaken.FORBIDDEN: Words(
        "Its address is not one that may be called. Upload the file in the form under another name and save; "
        "an administrator may allow a file server of your own in file_hosts.",
        "其地址不允许访问。请将文件更名后在表单中重新上传并保存；"
        "自建文件服务器请联系管理员在 file_hosts 中登记。",
    ),
    Untaken.GONE: Words(
        "It is not there any more. Upload it again under another name and save.",
        "文件已不存在或链接已失效。请更名后重新上传并保存。",
    ),
    Untaken.LARGE: Words(
        "It is larger than 20 MiB. Make it smaller, or split it, upload it again and save.",
        "文件超过 20 MiB。请压缩或拆分后重新上传并保存。",
    ),
    Untaken.UNREACHABLE: Words(
        "Its address does not answer, tried several times. Upload it again under another name and save.",
        "多次尝试仍无法下载。请更名后重新上传并保存。",
    ),
    Untaken.KIND: Words(
        "Files of this kind are not taken. Upload PDF, picture, Office or text instead, and save.",
        "不支持此类文件。请改为 PDF、图片、Office 文档或文本后重新上传并保存。",
    ),
    Untaken.MANY: Words(
        "The case has as many files as it can have. Put several into one, or leave this one out.",
        "案件附件数量已达上限。请合并文件，或不再上传此文件。",
    ),
    Untaken.ENDED: Words(
        "The case has ended, and its evidence is sealed. Fill in a new record if the file is needed.",
        "案件已结束，证据已封存。如仍需提交，请新建一条记录。",
    ),
}


def files_untaken(written: Iterable[str], language: Language) -> str:
    """What a form says of files that are not kept, one a line; empty if every one is."""
    marks = [mark for mark in map(FileMark.read, written) if mark.why is not None]
    return told((_complaint(mark) for mark in marks), language)


def _complaint(mark: FileMark) -> Complaint:
    assert mark.why is not None
    why = _WHY[mark.why]
    return Complaint(
        Field.ATTACHMENTS, Words(f"Not taken. {why.en}", f"此附件未收录：{why.zh}"), mark.name or "?"
    )
